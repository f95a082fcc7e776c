import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProviderEvent } from '../../src/mail/webhook.ts'
import type { Heard, Place, Store, Told } from '../../src/store/store.ts'
import type { Fresh } from './contract.ts'
import { accepted, attempt, claimOne, minute, plan, settlement, start, statuses } from './mail.ts'

const provider = 'postmark-main'

function told(more: Partial<Told>): Told {
  return { provider, at: start, heard: [], park: [], unpark: [], ...more }
}

function heard(messageId: string, status: Heard['status'], key: string, more: Partial<Heard> = {}): Heard {
  const type = status === 'sent' || status === 'delivered' || status === 'complained' ? status : 'bounced'
  const event = {
    type,
    at: start,
    recipient: 'ann@example.org',
    provider,
    providerMessageId: 'v-1',
    detail: null,
  } as const
  return { key, messageId, tenant: 'acme', recipient: 0, events: [event], status, suppress: null, ...more }
}

async function typesOf(store: Store, messageId: string): Promise<string[]> {
  return (await store.events({ tenant: 'acme', messageId, limit: 50 })).rows.map(({ type }) => type).reverse()
}

/** A message that a provider took: its one delivery is over. */
async function sent(store: Store, to = ['ann@example.org'], taken = 'v-1'): Promise<string> {
  const id = await accepted(store, { to })
  const claim = await claimOne(store)
  assert.ok(await store.record(attempt(claim)))
  const recipients = claim.recipients.map((index) => ({
    index,
    status: 'sent' as const,
    provider,
    providerMessageId: taken,
  }))
  await store.settle(settlement(claim, 'sent', { recipients }))
  return id
}

export function hearContract(fresh: Fresh): void {
  describe('what vendors tell', () => {
    it('is joined to its mail by our id, or by whom it was for and the vendor’s id', async (test) => {
      const store = await fresh(test)
      const id = await sent(store, ['Ann@example.org', 'bob@example.org'])
      const other = await sent(store, ['bob@example.org'], 'v-2')
      const ask = async (
        reference: { messageId?: string; providerMessageId?: string; recipient?: string },
        by = provider,
      ) =>
        (await store.attribute(by, [{ messageId: null, providerMessageId: null, recipient: null, ...reference }]))[0]!
      const people = (place: Place | null) => place && [place.messageId, ...place.recipients.map(({ email }) => email)]
      const ann = [id, 'Ann@example.org']
      const both = [id, 'Ann@example.org', 'bob@example.org']
      assert.deepEqual(await ask({ messageId: other }), {
        messageId: other,
        tenant: 'acme',
        type: 'transactional',
        recipients: [{ index: 0, email: 'bob@example.org' }],
      })
      assert.deepEqual(people(await ask({ messageId: id, recipient: 'ANN@example.org' })), ann)
      assert.deepEqual(people(await ask({ messageId: id })), both)
      assert.deepEqual(people(await ask({ messageId: other, recipient: 'forwarded@example.net' })), [
        other,
        'bob@example.org',
      ])
      assert.deepEqual(people(await ask({ messageId: id, recipient: 'stranger@example.net' })), null)
      assert.deepEqual(people(await ask({ providerMessageId: 'v-1', recipient: 'Ann@example.org' })), ann)
      assert.deepEqual(people(await ask({ providerMessageId: 'v-2', recipient: 'bob@example.org' })), [
        other,
        'bob@example.org',
      ])
      assert.equal(await ask({ providerMessageId: 'v-1', recipient: 'bob@example.org' }, 'another'), null)
      assert.equal(await ask({ providerMessageId: 'v-3', recipient: 'bob@example.org' }), null)
      assert.equal(await ask({ messageId: 'msg_none', recipient: 'bob@example.org' }), null)
      assert.equal(await ask({ providerMessageId: 'v-1' }), null)
      assert.deepEqual(people(await ask({ recipient: 'bob@example.org' })), [other, 'bob@example.org'])
      assert.equal(await ask({ recipient: 'bob@example.org' }, 'another'), null)
    })

    it('is written down once, and moves a recipient on and never back', async (test) => {
      const store = await fresh(test)
      const id = await sent(store)
      const hear = async (...heard: Heard[]) => (await store.hear(told({ heard }))).length
      const tell = heard.bind(null, id)
      assert.equal(await hear(tell('delivered', 'k1'), tell('delivered', 'k1')), 1)
      assert.equal(await hear(tell('delivered', 'k1')), 0)
      assert.deepEqual(await statuses(store, id), ['delivered'])
      // Late, and of no effect: it is older news.
      assert.equal(await hear(tell('sent', 'k2')), 1)
      assert.deepEqual(await statuses(store, id), ['delivered'])
      await hear(tell('complained', 'k3'))
      await hear(tell('bounced', 'k4'))
      assert.deepEqual(await statuses(store, id), ['complained'])
      assert.equal((await store.message(id, 'acme'))?.status, 'sent')
      assert.deepEqual(await typesOf(store, id), ['accepted', 'delivered', 'complained', 'bounced'])
      const before = { messages: start + 1, keys: 0, limit: 10 }
      await store.sweep(before)
      assert.equal(await hear({ ...tell('delivered', 'k1'), messageId: await sent(store) }), 1)
    })

    it('about mail that another provider has by now changes nothing but what is true of the recipient', async (test) => {
      const store = await fresh(test)
      const id = await sent(store)
      await store.hear(told({ provider: 'before', heard: [heard(id, 'bounced', 'k1')] }))
      assert.deepEqual(await statuses(store, id), ['sent'])
      await store.hear(told({ provider: 'before', heard: [heard(id, 'delivered', 'k2')] }))
      assert.deepEqual(await statuses(store, id), ['delivered'])
    })

    it('may come before the call it is about is settled, and then stands', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const claim = await claimOne(store)
      await store.record(attempt(claim))
      await store.hear(told({ heard: [heard(id, 'delivered', 'k1')] }))
      const later = { add: [plan([0])] }
      assert.ok(await store.settle(settlement(claim, 'held', later)))
      assert.deepEqual(await statuses(store, id), ['delivered'])
      assert.equal(await store.nextDue(), null)
    })

    it('answers what was unknown: nobody asks any longer, nor waits for an operator', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const unknown = { attempt: 'att_1', provider, since: start }
      await store.settle(settlement(claim, 'held', { add: [plan([0, 1], { phase: 'held', unknown })] }))
      await store.hear(told({ heard: [heard(id, 'sent', 'k1')] }))
      assert.deepEqual(await statuses(store, id), ['sent', 'held'])
      assert.deepEqual((await typesOf(store, id)).at(-1), 'sent')
      const asking = await claimOne(store, start + 10 * minute)
      assert.deepEqual(asking.recipients, [1])
      // While it is being asked.
      await store.hear(told({ heard: [heard(id, 'sent', 'k2', { recipient: 1 })] }))
      assert.equal(await store.settle(settlement(asking, 'held', { add: [plan([1])] })), false)
      assert.deepEqual(await statuses(store, id), ['sent', 'sent'])
      assert.equal(await store.nextDue(), null)
    })

    it('takes a recipient out of a delivery that waits for another provider, where the first was given up', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      await store.record(attempt(claim))
      await store.settle(settlement(claim, 'deferred', { add: [plan([0, 1], { avoid: [provider] })] }))
      await store.hear(told({ heard: [heard(id, 'delivered', 'k1')] }))
      const left = await claimOne(store, start + 10 * minute)
      assert.deepEqual([left.recipients, left.avoid], [[1], [provider]])
      assert.deepEqual(await statuses(store, id), ['delivered', 'sending'])
    })

    it('about mail that two providers took is a duplicate, said once a recipient', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const claim = await claimOne(store)
      await store.record(attempt(claim))
      const further = plan([0], { dueAt: start, avoid: [provider] })
      await store.settle(settlement(claim, 'queued', { add: [further] }))
      const second = await claimOne(store)
      await store.record(attempt(second, { provider: 'ses-eu' }))
      const recipients = [{ index: 0, status: 'sent' as const, provider: 'ses-eu', providerMessageId: 's-1' }]
      await store.settle(settlement(second, 'sent', { recipients }))
      const late = async (status: 'sent' | 'delivered', key: string, by = provider) =>
        (await store.hear(told({ provider: by, heard: [heard(id, status, key)] }))).map((one) => one.duplicate)
      assert.deepEqual(await late('delivered', 'k2', 'ses-eu'), [false])
      assert.deepEqual(await late('sent', 'k3'), [true])
      assert.deepEqual(await late('delivered', 'k4'), [false])
      const { rows } = await store.events({ tenant: 'acme', messageId: id, limit: 50 })
      assert.deepEqual(
        rows.flatMap(({ type, detail }) => (detail?.startsWith('confirmed') ? [[type, detail]] : [])),
        [['sent', `confirmed duplicate: ${provider} took it too`]],
      )
      assert.deepEqual(await statuses(store, id), ['delivered'])
    })

    it('about mail that one provider took twice, under two ids, is a duplicate, too', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const claim = await claimOne(store)
      const first = attempt(claim)
      await store.record(first)
      const outcomes = [{ recipient: 0, outcome: 'unknown' as const, cause: null, diagnostic: null }]
      const end = { id: first.id, endedAt: start, outcomes }
      await store.settle(settlement(claim, 'queued', { attempt: end, add: [plan([0], { dueAt: start })] }))
      const second = await claimOne(store)
      await store.record(attempt(second))
      const recipients = [{ index: 0, status: 'sent' as const, provider, providerMessageId: 's-2' }]
      await store.settle(settlement(second, 'sent', { recipients }))
      const late = async (vendorsId: string, key: string) => {
        const one = heard(id, 'delivered', key)
        const events = one.events.map((event) => ({ ...event, providerMessageId: vendorsId }))
        return (await store.hear(told({ heard: [{ ...one, events }] }))).map(({ duplicate }) => duplicate)
      }
      assert.deepEqual(await late('s-2', 'k2'), [false])
      assert.deepEqual(await late('s-1', 'k3'), [true])
      assert.deepEqual(await late('s-1', 'k4'), [false])
    })

    it('suppresses in the same commit', async (test) => {
      const store = await fresh(test)
      const id = await sent(store)
      const suppress = {
        tenant: 'acme',
        key: 'ann@example.org',
        type: '',
        reason: 'bounce',
        source: provider,
        at: start,
      } as const
      await store.hear(told({ heard: [heard(id, 'bounced', 'k1', { suppress })] }))
      assert.deepEqual(await store.suppression('acme', 'ann@example.org'), [suppress])
    })

    it('waits a while when its mail is not known', async (test) => {
      const store = await fresh(test)
      const event: ProviderEvent = {
        type: 'delivered',
        at: null,
        recipient: 'ann@example.org',
        messageId: null,
        providerMessageId: 'v-1',
        key: 'k1',
        detail: null,
      }
      const park = [{ key: 'k1', dueAt: start + 2_000, event }]
      await store.hear(told({ park }))
      await store.hear(told({ park, at: start + 1_000 }))
      assert.equal(await store.nextParked(), start + 2_000)
      assert.deepEqual(await store.parked(start, 10), [])
      assert.deepEqual(await store.parked(start + 2_000, 10), [{ provider, key: 'k1', since: start, event }])
      assert.equal(await store.nextParked(), start + 4_000)
      const id = await sent(store)
      await store.hear(told({ heard: [heard(id, 'delivered', 'k1')], unpark: ['k1'] }))
      assert.equal(await store.nextParked(), null)
      // Told again after it was written down.
      await store.hear(told({ park }))
      assert.equal(await store.nextParked(), null)
      await store.hear(told({ park: [{ key: 'k2', dueAt: start, event }] }))
      await store.sweep({ messages: 0, keys: start + 1, limit: 10 })
      assert.equal(await store.nextParked(), null)
    })
  })
}
