/** One try and its deadline; time is fed. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { Handoff } from '../../src/mail/adapter.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../../src/mail/outcome.ts'
import { attempt } from '../../src/send/attempt.ts'
import { message, provider, recipient } from '../support/examples.ts'

const emails = ['ann@example.org', 'bob@example.org']

/** Tries a relay that says this when its time is up, or never says anything. */
async function tried(timeout: number, says: Outcomes | null): Promise<Outcome[]> {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const example = provider('relay', { timeout: 30_000 })
    const send = { kind: 'smtp', target: () => ({}) } as never
    const offer = {
      message: message(),
      recipients: emails.map((email, index) => recipient(email, { index })),
      idempotencyKey: 'key',
      timeout,
      content: {} as Handoff['content'],
    }
    const smtp = {
      deliver: ({ signal }: Handoff) =>
        new Promise<Outcomes>((resolve) => {
          if (says) signal.addEventListener('abort', () => resolve(says))
        }),
    }
    const never = () => assert.fail('it is a relay')
    const carriers = { http: { send: never, reconcile: never }, smtp, mx: { deliver: never } }
    const made = attempt({ ...example, adapter: { ...example.adapter, send } }, offer, carriers, (call) => call())
    mock.timers.tick(timeout)
    mock.timers.tick(1_000)
    return [...(await made).values()]
  } finally {
    mock.timers.reset()
  }
}

test('time that was up sooner than the provider’s own says so; an answer stays what it is', async () => {
  const late: Outcome = { kind: 'unknown', diagnostic: diagnostic('ETIMEDOUT', 'no answer in time') }
  const busy: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: diagnostic(451, 'busy') }
  const answers: Outcomes = new Map<string, Outcome>([
    [emails[0]!, late],
    [emails[1]!, busy],
  ])
  const reason = 'was to take it within 3000 ms: no answer in time'
  assert.deepEqual(await tried(3_000, answers), [{ kind: 'unknown', diagnostic: { code: 'deadline', reason } }, busy])
  assert.deepEqual(await tried(30_000, answers), [late, busy])
})

test('so it is where the way out says nothing', async () => {
  const codes = async (timeout: number) =>
    (await tried(timeout, null)).map((outcome) => 'diagnostic' in outcome && outcome.diagnostic.code)
  assert.deepEqual(await codes(3_000), ['deadline', 'deadline'])
  assert.deepEqual(await codes(30_000), ['timeout', 'timeout'])
})

test('nobody is left without an outcome', async () => {
  const taken: Outcome = { kind: 'accepted', providerMessageId: 'x' }
  const [ann, bob] = await tried(30_000, forAll(emails.slice(0, 1), taken))
  assert.deepEqual([ann, bob?.kind], [taken, 'unknown'])
})
