import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fresh } from './contract.ts'
import {
  accepted,
  arrival,
  attempt,
  bytes,
  claimAll,
  claimOne,
  event,
  minute,
  plan,
  settlement,
  start,
  statuses,
} from './mail.ts'

export function queueContract(fresh: Fresh): void {
  describe('claim', () => {
    it('takes higher priority first, then the longest due, up to the limit, and nothing that is not due', async (test) => {
      const store = await fresh(test)
      const at = (priority: 'high' | 'normal' | 'low', dueAt: number) =>
        accepted(store, { message: { priority, subject: `${priority} ${dueAt - start}` }, dueAt })
      await at('low', start - 9)
      await at('normal', start - 1)
      await at('normal', start - 2)
      await at('high', start)
      await at('high', start + 1)
      await at('normal', start - 2)
      const claimed = async (limit: number, priority: 'high' | 'normal' | 'low') =>
        (await store.claim({ now: start, leaseUntil: start + minute, limit, priority })).map(
          (one) => one.message.subject,
        )
      assert.deepEqual(await claimed(10, 'high'), ['high 0'])
      assert.deepEqual(await claimed(2, 'low'), ['normal -2', 'normal -2'])
      assert.deepEqual(await claimed(10, 'normal'), ['normal -1'])
      assert.deepEqual(await claimed(10, 'low'), ['low -9'])
      assert.deepEqual(await claimed(10, 'low'), [])
    })

    it('tells what is to be sent, and shows it as sending', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const { message, recipients } = (await store.message(id, 'acme'))!
      assert.deepEqual(claim, {
        id: claim.id,
        claims: 1,
        leasedUntil: start + minute,
        recipients: [0, 1],
        phase: 'send',
        dueAt: start,
        tries: 0,
        waits: 0,
        avoid: [],
        unknown: null,
        message,
        all: recipients,
        suppressed: [],
        content: bytes('Subject: hi\r\n'),
        open: [],
      })
      assert.deepEqual(await statuses(store, id), ['sending', 'sending'])
      assert.equal((await store.message(id, 'acme'))!.status, 'sending')
    })

    it('brings small content along, and who was suppressed meanwhile', async (test) => {
      const store = await fresh(test)
      const [ann, bob] = ['ann@example.org', 'Bob@example.org']
      const contents = ['one', 'x'.repeat(65_537), '', 'x'.repeat(65_536)].map(bytes)
      for (const content of contents) await accepted(store, { to: [ann, bob], content })
      await store.keep('a', bytes('two '))
      await store.keep('a', bytes('pieces'))
      await accepted(store, { content: { spool: 'a' } })
      await store.suppress([
        { tenant: 'acme', key: 'bob@example.org', type: '', reason: 'manual', source: 'api', at: start },
      ])
      const claims = await claimAll(store)
      assert.deepEqual(
        claims.map(({ suppressed }) => suppressed),
        [[1], [1], [1], [1], []],
      )
      assert.deepEqual(
        claims.map(({ content }) => content),
        [contents[0], null, contents[2], contents[3], null],
      )
    })

    it('leaves recipients that are held so while it looks at them', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const unknown = { attempt: 'att_1', provider: 'ses-eu', since: start }
      const held = plan([0], { phase: 'held', dueAt: start, unknown, avoid: ['ses-eu'], tries: 3 })
      await store.settle(settlement(await claimOne(store), 'held', { add: [held] }))
      const claim = await claimOne(store)
      assert.deepEqual([claim.phase, claim.unknown, claim.avoid, claim.tries], ['held', unknown, ['ses-eu'], 3])
      assert.deepEqual(await statuses(store, id), ['held'])
      assert.equal((await store.message(id, 'acme'))!.status, 'held')
    })

    it('gives the same delivery to nobody else before the lease is over, and then counts', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const both = await Promise.all([claimAll(store), claimAll(store)])
      assert.deepEqual(both.map((claims) => claims.length).sort(), [0, 1])
      assert.equal(await store.nextDue(), start + minute)
      assert.deepEqual(await claimAll(store, start + minute - 1), [])
      assert.equal((await claimOne(store, start + minute)).claims, 2)
    })
  })

  describe('record', () => {
    it('writes the attempt down, moves the lease, and counts what was used', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const made = attempt(claim)
      assert.equal(await store.record(made), true)
      assert.equal(await store.nextDue(), made.leaseUntil)
      const { attempts } = (await store.message(id, 'acme'))!
      assert.deepEqual(
        attempts,
        [0, 1].map((recipient) => ({
          id: made.id,
          at: start,
          provider: 'postmark-main',
          recipient,
          outcome: null,
          cause: null,
          code: null,
          reason: null,
          latencyMs: null,
          plan: made.plan,
        })),
      )
      const tomorrow = [{ span: '2026-11-26', what: 'ses-eu', amount: 1 }]
      await store.record(attempt(claim, { provider: 'ses-eu', recipients: [1], counts: tomorrow }))
      assert.deepEqual(await store.usage('2026-11-25'), { 'postmark-main': 2 })
      assert.deepEqual(await store.usage('2026-11-26'), { 'ses-eu': 1 })
      assert.deepEqual(await store.usage('2026-11-27'), {})
    })

    it('changes nothing for a claim that is no longer ours', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const late = await claimOne(store)
      const ours = await claimOne(store, start + minute)
      assert.equal(await store.record(attempt(late)), false)
      assert.deepEqual((await store.message(id, 'acme'))!.attempts, [])
      assert.deepEqual(await store.usage('2026-11-25'), {})
      assert.equal(await store.nextDue(), ours.leasedUntil)
    })

    it('shows the next holder an attempt that nobody settled', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const made = attempt(await claimOne(store))
      await store.record(made)
      const next = await claimOne(store, made.leaseUntil)
      assert.equal(next.claims, 2)
      assert.deepEqual(next.open, [{ id: made.id, provider: 'postmark-main', at: start, recipients: [0] }])
    })
  })

  describe('settle', () => {
    it('applies attempt, recipients, events and suppressions in one, and ends the delivery', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org'] })
      const claim = await claimOne(store)
      const made = attempt(claim)
      await store.record(made)
      const diagnostic = { code: '550', reason: 'no such user', status: '5.1.1' }
      const done = await store.settle(
        settlement(claim, 'sent', {
          attempt: {
            id: made.id,
            endedAt: start + 80,
            outcomes: [
              { recipient: 0, outcome: 'accepted', cause: null, diagnostic: null },
              { recipient: 1, outcome: 'rejected', cause: 'recipient', diagnostic },
            ],
          },
          recipients: [
            { index: 0, status: 'sent', provider: 'postmark-main', providerMessageId: 'pm-1' },
            { index: 1, status: 'bounced', provider: 'postmark-main' },
          ],
          events: [event('sent', 'ann@example.org', start + 80), event('bounced', 'bob@example.org', start + 80)],
          suppress: [
            { tenant: 'acme', key: 'bob@example.org', type: '', reason: 'bounce', source: 'postmark-main', at: start },
          ],
        }),
      )
      assert.equal(done, true)
      const view = (await store.message(id, 'acme'))!
      assert.equal(view.status, 'partial')
      assert.deepEqual(
        view.recipients.map((one) => [one.status, one.provider, one.providerMessageId]),
        [
          ['sent', 'postmark-main', 'pm-1'],
          ['bounced', 'postmark-main', null],
        ],
      )
      assert.deepEqual(
        view.attempts.map(({ outcome, cause, code, reason, latencyMs }) => [outcome, cause, code, reason, latencyMs]),
        [
          ['accepted', null, null, null, 80],
          ['rejected', 'recipient', '550', 'no such user', 80],
        ],
      )
      const { rows } = await store.events({ tenant: 'acme', messageId: id, limit: 10 })
      assert.deepEqual(
        rows.map((one) => one.type),
        ['bounced', 'sent', 'accepted'],
      )
      assert.deepEqual(await store.suppressed('acme', ['bob@example.org'], 'otp'), new Set(['bob@example.org']))
      assert.equal(await store.nextDue(), null)
    })

    it('changes nothing for a claim that is no longer ours, nor a second time', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const late = await claimOne(store)
      const ours = await claimOne(store, start + minute)
      const events = [event('sent', 'ann@example.org')]
      assert.equal(await store.settle(settlement(late, 'failed', { events })), false)
      assert.deepEqual(await statuses(store, id), ['sending'])
      assert.equal(await store.settle(settlement(ours, 'sent', { events })), true)
      assert.equal(await store.settle(settlement(ours, 'failed', { events })), false)
      assert.deepEqual(await statuses(store, id), ['sent'])
      assert.equal((await store.events({ tenant: 'acme', messageId: id, limit: 10 })).rows.length, 2)
    })

    it('does not take a new delivery for one that ended', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const ended = await claimOne(store)
      await store.settle(settlement(ended, 'sent'))
      const id = await accepted(store)
      await claimOne(store)
      assert.equal(await store.settle(settlement(ended, 'failed')), false)
      assert.deepEqual(await statuses(store, id), ['sending'])
    })

    it('goes on with those kept under the same lease, and puts the others off', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store, { to: ['ann@example.org', 'bob@example.org', 'cy@example.org'] })
      const claim = await claimOne(store)
      const later = plan([2], { avoid: ['ses-eu'], tries: 4 })
      const kept = settlement(claim, 'sent', {
        recipients: [
          { index: 0, status: 'sent' },
          { index: 2, status: 'deferred' },
        ],
        next: { keep: [1], add: [later] },
      })
      assert.equal(await store.settle(kept), true)
      assert.deepEqual(await statuses(store, id), ['sent', 'sending', 'deferred'])
      assert.equal((await store.message(id, 'acme'))!.status, 'queued')
      assert.equal(await store.nextDue(), claim.leasedUntil)
      assert.equal(await store.record(attempt(claim, { recipients: [1] })), true)
      assert.equal(await store.settle(settlement(claim, 'sent', { recipients: [{ index: 1, status: 'sent' }] })), true)
      const next = await claimOne(store, later.dueAt)
      assert.deepEqual(
        [next.recipients, next.claims, next.tries, next.avoid, next.dueAt],
        [[2], 1, 4, ['ses-eu'], later.dueAt],
      )
      assert.notEqual(next.id, claim.id)
      assert.deepEqual(next.open, [])
    })
  })

  describe('what waits', () => {
    it('is told by priority, leased or not', async (test) => {
      const store = await fresh(test)
      assert.deepEqual(await store.depth(), { high: 0, normal: 0, low: 0 })
      assert.equal(await store.nextDue(), null)
      await accepted(store, { message: { priority: 'low' }, dueAt: start - 5 })
      await accepted(store, { dueAt: start + 5 })
      await accepted(store, { message: { priority: 'high' }, dueAt: start + 9 })
      await accepted(store, { message: { priority: 'high' }, dueAt: start + 7 })
      assert.equal(await store.nextDue(), start - 5)
      await claimOne(store)
      assert.equal(await store.nextDue(), start + 5)
      assert.deepEqual(await store.depth(), { high: 2, normal: 1, low: 1 })
    })

    it('is as old as the oldest that should have left', async (test) => {
      const store = await fresh(test)
      assert.equal(await store.oldest(), null)
      await accepted(store, { message: { acceptedAt: start - 9, sendAt: start + 50 }, dueAt: start + 50 })
      assert.equal(await store.oldest(), null)
      await accepted(store, { message: { acceptedAt: start - 7 }, dueAt: start + 1000 })
      await accepted(store, { message: { acceptedAt: start - 5 } })
      assert.equal(await store.oldest(), start - 7)
    })

    it('hastens what waits for anybody, or what a provider was the last to try, and nothing else', async (test) => {
      const store = await fresh(test)
      const later = start + 30 * minute
      const [held, sent] = [{ phase: 'held' as const }, { phase: 'sent' as const }]
      for (const more of [
        { waits: 2 },
        { waits: 0 },
        { ...held, waits: 1 },
        { ...sent, waits: 0 },
        { ...sent, waits: 1 },
      ]) {
        await accepted(store)
        const claim = await claimOne(store)
        if (!more.waits) await store.record(attempt(claim))
        await store.settle(settlement(claim, 'deferred', { add: [plan([0], { dueAt: later, ...more })] }))
      }
      const step = { after: 0, limit: 1 }
      const first = await store.hasten({ provider: 'postmark-main' }, start, step)
      assert.equal(first.count, 0)
      assert.deepEqual(await store.hasten({ provider: 'postmark-main' }, start, { after: first.next!, limit: 10 }), {
        count: 1,
        next: null,
      })
      const tried = await claimOne(store)
      assert.equal(tried.waits, 0)
      assert.deepEqual(await store.hasten('waiting', start, { after: 0, limit: 10 }), { count: 2, next: null })
      assert.deepEqual(
        (await claimAll(store)).map(({ phase, waits }) => [phase, waits]),
        [
          ['send', 2],
          ['sent', 1],
        ],
      )
    })

    it('counts what is held for its fate is unknown', async (test) => {
      const store = await fresh(test)
      const unknown = { attempt: 'att_1', provider: 'postmark-main', since: start }
      for (const more of [{ unknown }, { unknown: null }]) {
        await accepted(store)
        await store.settle(settlement(await claimOne(store), 'held', { add: [plan([0], { phase: 'held', ...more })] }))
      }
      assert.equal(await store.unknowns(), 1)
    })

    it('keeps what was taken in sight, and lets another provider’s answer replace the first', async (test) => {
      const store = await fresh(test)
      const id = await accepted(store)
      const claim = await claimOne(store)
      const by = (provider: string) => [{ index: 0, status: 'sent' as const, provider, providerMessageId: provider }]
      const watched = plan([0], { phase: 'sent', dueAt: start + minute, avoid: ['a'] })
      await store.settle(settlement(claim, 'sent', { recipients: by('a'), add: [watched] }))
      assert.deepEqual(await statuses(store, id), ['sent'])
      assert.equal(await store.steer(id, 'acme', 'cancel', start), 0)
      const due = await claimOne(store, start + minute)
      assert.deepEqual([due.phase, due.all[0]!.status, due.content?.length], ['sent', 'sent', 13])
      const again = { ...watched, dueAt: start + 2 * minute }
      await store.settle(settlement(due, 'sent', { recipients: [], add: [again] }))
      const last = await claimOne(store, start + 2 * minute)
      await store.settle(settlement(last, 'sent', { recipients: by('b') }))
      const [recipient] = (await store.message(id, 'acme'))!.recipients
      assert.deepEqual([recipient!.provider, recipient!.providerMessageId], ['b', 'b'])
      assert.equal(await store.nextDue(), null)
    })

    it('counts what it is told to in each span, gives back, and keeps minutes for a day only', async (test) => {
      const store = await fresh(test)
      await accepted(store)
      const claim = await claimOne(store)
      const [month, day, minuteOf] = ['2026-11', '2026-11-25', new Date(start).toISOString().slice(0, 16)]
      const counts = [month, day, minuteOf].map((span) => ({ span, what: 'spent', amount: 5 }))
      await store.record(attempt(claim, { counts }))
      await store.record(attempt(claim, { counts: counts.slice(0, 1) }))
      assert.deepEqual(await store.usage(minuteOf), { spent: 5 })
      assert.deepEqual(await store.minutesSince(minuteOf), [{ span: minuteOf, what: 'spent', amount: 5 }])
      const next = new Date(start + minute).toISOString().slice(0, 16)
      assert.deepEqual(await store.minutesSince(next), [], 'neither days nor months are minutes')
      await store.settle({ ...settlement(claim, 'sent'), counts: [{ span: month, what: 'spent', amount: -3 }] })
      await store.sweep({ messages: 0, keys: start + 2 * minute, limit: 10 })
      assert.deepEqual(await store.usage(minuteOf), {})
      assert.deepEqual([await store.usage(day), await store.usage(month)], [{ spent: 5 }, { spent: 7 }])
    })

    it('counts once what is committed together, also when a call among it fails', async (test) => {
      const store = await fresh(test)
      const first = arrival()
      await Promise.all([store.accept(first), accepted(store)])
      const [one, two] = await claimAll(store)
      const counts = [{ span: '2026-11-25', what: 'spent', amount: 2 }]
      const outcomes = await Promise.allSettled([
        store.record(attempt(one!, { counts })),
        store.usage('2026-11-25'),
        store.accept(first),
        store.record(attempt(two!, { counts })),
        store.settle({ ...settlement(one!, 'failed'), counts: [{ ...counts[0]!, amount: -1 }] }),
      ])
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'failed')),
        [true, { spent: 2 }, 'failed', true, true],
      )
      assert.deepEqual(await store.usage('2026-11-25'), { spent: 3 })
    })
  })
}
