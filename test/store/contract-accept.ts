import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fresh } from './contract.ts'
import {
  accepted,
  arrival,
  bytes,
  claimAll,
  claimOne,
  contentOf,
  event,
  minute,
  settlement,
  start,
  statuses,
} from './mail.ts'

export function acceptContract(fresh: Fresh): void {
  describe('accept', () => {
    it('keeps message, recipients, first delivery, event and content together', async (test) => {
      const store = await fresh(test)
      const wanted = arrival({ to: ['ann@example.org', 'bob@example.org'], content: bytes('hello') })
      wanted.recipients[1]!.dsn = { notify: ['FAILURE'], orcpt: 'rfc822;bob@example.org' }
      wanted.message.metadata = JSON.parse(`{"__proto__": "x", "order": "17'; DROP TABLE message; --"}`)
      assert.deepEqual(await store.accept(wanted), {
        kind: 'accepted',
        id: wanted.message.id,
        suppressed: [],
        claim: null,
      })
      const view = await store.message(wanted.message.id, 'acme')
      assert.deepEqual(view, {
        message: wanted.message,
        status: 'queued',
        recipients: wanted.recipients.map((one) => ({ ...one, provider: null, providerMessageId: null })),
        attempts: [],
      })
      assert.deepEqual(await contentOf(store, wanted.message.id), [bytes('hello')])
      assert.equal((await claimAll(store)).length, 1)
      const { rows } = await store.events({ tenant: 'acme', messageId: wanted.message.id, limit: 10 })
      assert.equal(rows.length, 1)
      assert.match(rows[0]!.id, /^evt_/)
      assert.deepEqual(rows[0], { ...event('accepted', null), id: rows[0]!.id, messageId: wanted.message.id })
    })

    it('leaves at home who is on the suppression list, whatever case the address is in, and says so', async (test) => {
      const store = await fresh(test)
      const entry = {
        tenant: 'acme',
        key: 'bob@example.org',
        type: '',
        reason: 'manual',
        source: 'api',
        at: start,
      } as const
      await store.suppress([entry, { ...entry, tenant: '', key: 'ann@example.org' }])
      const to = ['ann@example.org', 'Bob@example.org', 'cy@example.org']
      const wanted = arrival({ to })
      const noted = { ...event('suppressed', 'Bob@example.org'), detail: 'on the suppression list' }
      assert.deepEqual(await store.accept(wanted), {
        kind: 'accepted',
        id: wanted.message.id,
        suppressed: [noted],
        claim: null,
      })
      assert.deepEqual(await statuses(store, wanted.message.id), ['queued', 'suppressed', 'queued'])
      assert.deepEqual((await claimOne(store)).recipients, [0, 2])
      const { rows } = await store.events({ tenant: 'acme', messageId: wanted.message.id, limit: 10 })
      assert.deepEqual(
        rows.map(({ type, recipient }) => [type, recipient]),
        [
          ['suppressed', 'Bob@example.org'],
          ['accepted', null],
        ],
      )
    })

    it('leases the delivery to whoever hands it in, when asked to: the claim that would be read back', async (test) => {
      const store = await fresh(test)
      const entry = {
        tenant: 'acme',
        key: 'bob@example.org',
        type: '',
        reason: 'manual',
        source: 'api',
        at: start,
      } as const
      await store.suppress([entry])
      const to = ['ann@example.org', 'bob@example.org']
      const [leased, queued] = await Promise.all([
        store.accept(arrival({ to }), start + minute),
        store.accept(arrival({ to })),
      ])
      assert(leased.kind === 'accepted' && queued.kind === 'accepted')
      const claimed = await claimOne(store)
      assert.deepEqual({ ...leased.claim, id: claimed.id, message: claimed.message }, claimed)
      assert.equal(leased.claim!.message.id, leased.id)
      assert.deepEqual(await statuses(store, leased.id), ['sending', 'suppressed'])
      const again = await claimAll(store, start + minute)
      assert.deepEqual(
        again.map(({ id, claims }) => [id, claims]),
        [
          [leased.claim!.id, 2],
          [claimed.id, 2],
        ],
      )
      assert.equal(await store.settle(settlement(leased.claim!, 'sent')), false)
    })

    it('leases nothing when nobody is left to be sent to', async (test) => {
      const store = await fresh(test)
      await store.suppress([
        { tenant: 'acme', key: 'ann@example.org', type: '', reason: 'bounce', source: 'ses', at: start },
      ])
      const answer = await store.accept(arrival(), start + minute)
      assert.equal(answer.kind === 'accepted' && answer.claim, null)
    })

    it('makes no delivery of a message whose recipients are all suppressed', async (test) => {
      const store = await fresh(test)
      await store.suppress([
        { tenant: 'acme', key: 'ann@example.org', type: '', reason: 'bounce', source: 'ses', at: start },
      ])
      const id = await accepted(store)
      assert.equal((await store.message(id, 'acme'))!.status, 'failed')
      assert.equal(await store.nextDue(), null)
    })

    it('refuses an id that is taken, alone among those committed with it', async (test) => {
      const store = await fresh(test)
      const first = arrival({ content: bytes('first') })
      const outcomes = await Promise.allSettled([
        store.accept(arrival()),
        store.accept(first),
        store.accept({ ...first, content: bytes('second') }),
        store.accept(arrival()),
        store.claim({ now: start, leaseUntil: start + 1, limit: 10, priority: 'low' }),
      ])
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      )
      assert.deepEqual(await contentOf(store, first.message.id), [bytes('first')])
      assert.equal((await store.depth()).normal, 3)
    })

    it('keeps the bytes of a buffer that is part of a larger one', async (test) => {
      const store = await fresh(test)
      const pool = bytes('....middle....')
      const id = await accepted(store, { content: pool.subarray(4, 10) })
      assert.deepEqual(await contentOf(store, id), [bytes('middle')])
      assert.equal(pool.length, 14)
    })

    it('keeps content of many megabytes, and none', async (test) => {
      const store = await fresh(test)
      const large = new Uint8Array(5_300_001).map((_, at) => at % 251)
      const id = await accepted(store, { content: large })
      assert.ok(Buffer.concat(await contentOf(store, id)).equals(large))
      const empty = await accepted(store, { content: new Uint8Array() })
      assert.deepEqual(await contentOf(store, empty), [])
      assert.deepEqual(await contentOf(store, 'msg_none'), [])
    })
  })

  describe('idempotency', () => {
    it('makes one message of a hundred asked for at once', async (test) => {
      const store = await fresh(test)
      const idempotency = { key: 'order-17', digest: 'a' }
      const answers = await Promise.all(Array.from({ length: 100 }, () => store.accept(arrival({ idempotency }))))
      assert.equal(answers.filter((answer) => answer.kind === 'accepted').length, 1)
      assert.equal(answers.filter((answer) => answer.kind === 'replayed').length, 99)
      assert.equal(new Set(answers.map((answer) => answer.kind !== 'conflict' && answer.id)).size, 1)
      assert.equal((await store.messages({ tenant: 'acme', limit: 100 })).rows.length, 1)
    })

    it('refuses the key for another digest, and keeps nothing of that', async (test) => {
      const store = await fresh(test)
      await store.accept(arrival({ idempotency: { key: 'k', digest: 'a' } }))
      await store.keep('spool-1', bytes('piece'))
      const other = arrival({ idempotency: { key: 'k', digest: 'b' }, content: { spool: 'spool-1' } })
      assert.deepEqual(await store.accept(other), { kind: 'conflict' })
      assert.equal(await store.message(other.message.id, 'acme'), null)
      await assert.rejects(store.accept(arrival({ content: { spool: 'spool-1' } })), /no spool/)
    })

    it('lets another tenant use the same key', async (test) => {
      const store = await fresh(test)
      const idempotency = { key: 'k', digest: 'a' }
      await store.accept(arrival({ idempotency }))
      const answer = await store.accept(arrival({ idempotency, message: { tenant: '' } }))
      assert.equal(answer.kind, 'accepted')
    })
  })

  describe('spools', () => {
    it('become the content of a message, in the order in which they were kept', async (test) => {
      const store = await fresh(test)
      const large = new Uint8Array(2_500_000).fill(7)
      const kept = [store.keep('a', bytes('one ')), store.keep('b', bytes('other')), store.keep('a', large)]
      await Promise.all([...kept, store.keep('a', bytes(' three'))])
      const id = await accepted(store, { content: { spool: 'a' } })
      const pieces = await contentOf(store, id)
      assert.ok(pieces.every((piece) => piece.length <= 1_000_000))
      assert.ok(Buffer.concat(pieces).equals(Buffer.concat([bytes('one '), large, bytes(' three')])))
      await store.drop('a')
      assert.equal((await contentOf(store, id)).length, pieces.length)
    })

    it('are forgotten when dropped, and cannot be taken twice', async (test) => {
      const store = await fresh(test)
      await store.keep('a', bytes('one'))
      await store.drop('a')
      await store.drop('never was')
      await assert.rejects(store.accept(arrival({ content: { spool: 'a' } })), /no spool/)
      await store.keep('b', bytes('two'))
      await accepted(store, { content: { spool: 'b' } })
      await assert.rejects(store.accept(arrival({ content: { spool: 'b' } })), /no spool/)
    })
  })
}
