/** Exports over real sockets and a real store, in the form of the one service there is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { exporters } from '../../adapters/index.ts'
import { diagnostic, type OutcomeKind } from '../../src/mail/outcome.ts'
import { guardedHttp } from '../../src/send/guarded-http.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import type { AttemptEnd, NewEvent, Store } from '../../src/store/store.ts'
import { startExports } from '../../src/track/export.ts'
import { temporary } from '../store/contract.ts'
import { accepted, attempt, claimAll, event, settlement, start } from '../store/mail.ts'
import { eventually } from '../support/waypost.ts'
import { status, type WebhookTarget, webhookTarget } from '../support/webhook-target.ts'

const exporter = await exporters.get('postmastery')!()

async function exporting(
  test: TestContext,
  there: WebhookTarget,
  more: { folder?: string; redact?: boolean; most?: number } = {},
) {
  const folder = more.folder ?? (await temporary(test))
  const store = await openSqlite({ path: join(folder, 'waypost.db') })
  const log: string[] = []
  const write = (details: object, message: string) => void log.push(`${message} ${JSON.stringify(details)}`)
  const http = guardedHttp({ allowPrivate: () => true })
  const placed = { times: 0 }
  const exports = startExports({
    store: {
      ...store,
      async setState(key, value) {
        await store.setState(key, value)
        placed.times++
      },
    },
    hostname: 'gw1.example.com',
    dice: () => 0.5,
    post: http.post,
    log: { info: write, warn: write, error: write },
  })
  const given = {
    apiKey: 'key-1',
    datasetId: 'd-7',
    baseUrl: `${there.url}base/`,
    ...(more.redact ? { redact: true } : {}),
  }
  const target = { exporter: { ...exporter, most: more.most ?? exporter.most }, options: exporter.options.parse(given) }
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= exports.stop(0).then(async () => {
      http.close()
      await store.close()
    })
    return stopped
  }
  test.after(stop)
  await exports.configure([target])
  // Only what happens from now on is told.
  await eventually(() => placed.times > 0 || more.folder !== undefined, 'its first place')
  return { store, exports, target, log, placed, stop, folder }
}

async function desk(test: TestContext, answer?: WebhookTarget['answer']) {
  const there = await webhookTarget(answer)
  test.after(() => there.close())
  return there
}

type Row = Record<string, unknown>
const rows = ({ posted }: WebhookTarget): Row[] => posted.flatMap(({ body }) => JSON.parse(body) as Row[])
const sizes = ({ posted }: WebhookTarget) => posted.map(({ body }) => (JSON.parse(body) as Row[]).length)

/** A message to these, of which each had this event, told by an attempt where there was one. */
async function happened(
  store: Store,
  events: Record<string, { type: NewEvent['type']; outcome?: OutcomeKind; code?: string; more?: Partial<NewEvent> }>,
) {
  const to = Object.keys(events)
  const id = await accepted(store, { to })
  const [claim] = await claimAll(store)
  const made = attempt(claim!)
  await store.record(made)
  const outcomes: AttemptEnd['outcomes'] = Object.values(events).map(({ outcome, code = '550' }, recipient) => ({
    recipient,
    outcome: outcome ?? 'accepted',
    cause: null,
    diagnostic: outcome ? diagnostic(code, `said to ${to[recipient]}`, code === '550' ? '5.1.1' : undefined) : null,
  }))
  await store.settle(
    settlement(claim!, 'sent', {
      attempt: { id: made.id, endedAt: start + 5, outcomes },
      events: Object.entries(events).map(([email, { type, more }]) => ({ ...event(type, email, start + 6), ...more })),
    }),
  )
  return id
}

const bounced = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`r${at}@example.org`, { type: 'bounced', outcome: 'rejected' } as const]),
  )

describe('an export', () => {
  it('tells what became of mail, in the form of its service', async (test) => {
    const there = await desk(test)
    const { store, exports } = await exporting(test, there)
    const id = await happened(store, {
      'a@example.org': { type: 'delivered', outcome: 'delivered', code: '250' },
      'b@example.org': { type: 'bounced', outcome: 'rejected' },
      'c@example.org': { type: 'deferred', outcome: 'deferred', code: 'ECONNREFUSED' },
      '"d@x"@example.org': { type: 'expired' },
      'e@example.org': { type: 'canceled' },
      'f@example.org': { type: 'rejected', more: { detail: 'f@example.org has no credit', provider: 'relay' } },
      'g@example.org': { type: 'sent' },
      'h@example.org': { type: 'deferred', more: { detail: 'nobody can take it now' } },
      'i@example.org': { type: 'opened', more: { provider: 'relay' } },
    })
    exports.wake()
    await eventually(() => there.posted.length === 1, 'a batch')
    const [posted] = there.posted
    assert.deepEqual([posted!.path, posted!.headers.authorization], ['/base/v1/halonmta/d-7', 'key-1'])
    const told = rows(there)
    const ids = told.map(({ eventid }) => eventid as string)
    for (const one of ids) assert.match(one, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(new Set(ids).size, 6)
    const at = Math.floor(start / 1000)
    const common = (recipient_localpart: string, status: string) => ({
      type: 'SMTP',
      hostname: 'gw1.example.com',
      messageid: id,
      ts_attempt: at,
      ts_received: at,
      status,
      sender: 'bounces@example.com',
      recipient_localpart,
      recipient_domain: 'example.org',
      size: 12,
    })
    assert.deepEqual(
      told.map(({ eventid: _, ...row }) => row),
      [
        common('a', 'delivered'),
        {
          ...common('b', 'failed'),
          result_code: 550,
          result_enhanced: '5.1.1',
          result_reason: 'said to b@example.org',
        },
        { ...common('c', 'delayed'), error_temporary: true, error_message: 'said to c@example.org' },
        common('"d@x"', 'removed'),
        common('e', 'removed'),
        { ...common('f', 'failed'), error_temporary: false, error_message: 'f@example.org has no credit' },
      ],
    )
  })

  it('keeps local parts to itself where it is asked to', async (test) => {
    const there = await desk(test)
    const { store, exports } = await exporting(test, there, { redact: true })
    await happened(store, bounced(1))
    exports.wake()
    await eventually(() => there.posted.length === 1, 'a batch')
    assert.ok(!there.posted[0]!.body.includes('r0'))
    assert.equal(rows(there)[0]!.result_reason, 'said to *****@example.org')
  })

  it('is told in batches, again until taken, and goes on after a restart', async (test) => {
    const there = await desk(test, status(503))
    const before = await exporting(test, there, { most: 4 })
    await happened(before.store, bounced(6))
    before.exports.wake()
    await eventually(() => there.posted.length === 1, 'a first try')
    before.exports.wake()
    await eventually(() => there.posted.length >= 2, 'another')
    await before.stop()
    assert.ok(before.log[0]!.includes('tried again'))
    there.posted.length = 0
    there.answer = status(202)
    const after = await exporting(test, there, { folder: before.folder, most: 4 })
    await eventually(() => sizes(there).join() === '4,2', 'all of it')
    assert.deepEqual(
      rows(there).map(({ recipient_localpart }) => recipient_localpart),
      ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'],
    )
    await eventually(() => after.placed.times === 2, 'its place')
    after.exports.wake()
    await happened(after.store, bounced(1))
    after.exports.wake()
    await eventually(() => sizes(there).join() === '4,2,1', 'what is new, and nothing else')
  })

  it('that is refused is told in halves once more, and what is refused then is dropped', async (test) => {
    const there = await desk(test, (response, { body }) => status(body.includes('r1@') ? 422 : 200)(response))
    const { store, exports, log } = await exporting(test, there)
    await happened(store, bounced(5))
    exports.wake()
    await eventually(() => there.posted.length === 3, 'the batch and its halves')
    assert.deepEqual(sizes(there), [5, 3, 2])
    await eventually(
      () => log.some((line) => line.includes('refused twice') && line.includes('"records":3')),
      'it is told',
    )
    await happened(store, bounced(1))
    exports.wake()
    await eventually(() => there.posted.length === 4, 'what comes after')
  })

  it('stops where the account is not set up, until the config changes, and mail does not know', async (test) => {
    for (const code of [401, 403, 404]) {
      const there = await desk(test, status(code))
      const { store, exports, target, log } = await exporting(test, there)
      await happened(store, bounced(1))
      exports.wake()
      await eventually(() => log.some((line) => line.includes('has stopped')), 'it stops')
      assert.ok(!log.join().includes('key-1'))
      await happened(store, bounced(1))
      await exports.configure([target])
      exports.wake()
      assert.equal(there.posted.length, 1)
      there.answer = status(200)
      await exports.configure([{ ...target, options: { ...(target.options as object), apiKey: 'key-2' } }])
      await eventually(() => there.posted.length === 2, 'it goes on')
      assert.deepEqual([sizes(there)[1], there.posted[1]!.headers.authorization], [2, 'key-2'])
    }
  })
})
