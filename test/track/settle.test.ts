import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Cause, causes, diagnostic, type Outcome } from '../../src/mail/outcome.ts'
import { type Fate, fate } from '../../src/track/settle.ts'

const said = diagnostic('550', 'no')

/** The table of `src/README.md`, cause by cause: what a deferral and what a refusal lead to. */
const table: Record<Cause, { deferred: Fate; rejected: Fate }> = {
  recipient: {
    deferred: { kind: 'later', retryAfter: 0 },
    rejected: { kind: 'ended', status: 'bounced', suppress: true },
  },
  message: {
    deferred: { kind: 'later', retryAfter: 0 },
    rejected: { kind: 'ended', status: 'bounced', suppress: false },
  },
  identity: { deferred: { kind: 'elsewhere', refusal: false }, rejected: { kind: 'elsewhere', refusal: false } },
  account: { deferred: { kind: 'elsewhere', refusal: false }, rejected: { kind: 'elsewhere', refusal: false } },
  provider: { deferred: { kind: 'elsewhere', refusal: false }, rejected: { kind: 'elsewhere', refusal: false } },
  host: { deferred: { kind: 'elsewhere', refusal: false }, rejected: { kind: 'elsewhere', refusal: false } },
  network: { deferred: { kind: 'later', retryAfter: 0 }, rejected: { kind: 'later', retryAfter: 0 } },
}

for (const cause of causes) {
  test(`a deferral and a refusal for cause ${cause}`, () => {
    assert.deepEqual(fate({ kind: 'deferred', cause, diagnostic: said }, true), table[cause].deferred)
    assert.deepEqual(fate({ kind: 'rejected', cause, diagnostic: said }, true), table[cause].rejected)
  })
}

test('taken, delivered, and no answer', () => {
  assert.deepEqual(fate({ kind: 'accepted', providerMessageId: 'x' }, true), {
    kind: 'ended',
    status: 'sent',
    suppress: false,
  })
  assert.deepEqual(fate({ kind: 'delivered', diagnostic: said }, true), {
    kind: 'ended',
    status: 'delivered',
    suppress: false,
  })
  assert.deepEqual(fate({ kind: 'unknown', diagnostic: said }, true), { kind: 'unknown' })
})

test('too large for this vendor may fit another; when none is left it is final', () => {
  const tooLarge: Outcome = { kind: 'rejected', cause: 'message', diagnostic: diagnostic('413', 'too large') }
  assert.deepEqual(fate(tooLarge, true), { kind: 'elsewhere', refusal: true })
  assert.deepEqual(fate({ ...tooLarge, diagnostic: diagnostic('552', 'size', '5.3.4') }, true), {
    kind: 'elsewhere',
    refusal: true,
  })
  const ownLibrary = diagnostic('SDK', 'RangeError: not an integer')
  assert.deepEqual(fate({ ...tooLarge, diagnostic: ownLibrary }, true), { kind: 'elsewhere', refusal: true })
})

test('a call refused for another recipient’s sake is made again one by one, but not for ever', () => {
  const outcome: Outcome = { kind: 'deferred', cause: 'message', retryAfter: 0, diagnostic: said }
  assert.deepEqual(fate(outcome, false), { kind: 'again' })
  assert.deepEqual(fate(outcome, true), { kind: 'later', retryAfter: 0 })
})

test('only a mailbox that does not exist is suppressed, never infrastructure', () => {
  for (const [status, suppress] of [
    ['5.1.1', true],
    ['5.1.10', true],
    ['5.2.2', false],
    ['5.4.4', false],
    ['5.7.1', false],
    [undefined, true],
  ] as const) {
    const outcome: Outcome = { kind: 'rejected', cause: 'recipient', diagnostic: diagnostic('550', 'no', status) }
    assert.deepEqual(fate(outcome, true), { kind: 'ended', status: 'bounced', suppress }, String(status))
  }
})
