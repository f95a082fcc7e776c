import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type FarEnd, failed, parseReply, refused, type Stage, taken } from '../../src/send/smtp-reply.ts'

describe('reading a reply', () => {
  const cases: [raw: string, code: number, status: string | undefined, text: string][] = [
    ['250 2.1.5 ok', 250, '2.1.5', 'ok'],
    ['250-2.0.0 first\n250 2.0.0 second', 250, '2.0.0', 'first second'],
    ['550', 550, undefined, ''],
    ['550 5.1', 550, undefined, '5.1'],
    ['550 5.1.1.1 odd', 550, undefined, '5.1.1.1 odd'],
    ['550 5.1.1', 550, '5.1.1', ''],
    ['550 sorry, no mailbox here (#5.1.1)', 550, '5.1.1', 'sorry, no mailbox here (#5.1.1)'],
    ['550 2.1.5 contradicts itself', 550, undefined, '2.1.5 contradicts itself'],
    ['250-yes\n550 no', 0, undefined, '250-yes\n550 no'],
    ['hello', 0, undefined, 'hello'],
    ['25', 0, undefined, '25'],
    ['2500 long', 0, undefined, '2500 long'],
    ['', 0, undefined, ''],
  ]
  for (const [raw, code, status, text] of cases) {
    test(JSON.stringify(raw), () => {
      const reply = parseReply(raw)
      assert.deepEqual([reply.code, reply.status, reply.text], [code, status, text])
    })
  }
})

describe('whose fault a no is', () => {
  const cases: [stage: Stage, reply: string, relay: string, mx: string][] = [
    ['greeting', '554 no service for you', 'deferred provider', 'deferred host'],
    ['greeting', '421 4.7.0 later', 'deferred provider', 'deferred host'],
    ['tls', '454 4.7.0 TLS not available', 'deferred provider', 'deferred host'],
    ['auth', '535 5.7.8 bad credentials', 'rejected account', 'rejected account'],
    ['auth', '454 4.7.0 temporary', 'deferred provider', 'deferred host'],
    ['mail', '530 5.7.0 authenticate first', 'rejected account', 'rejected host'],
    ['mail', '550 5.7.1 sender not allowed', 'rejected identity', 'rejected host'],
    ['mail', '553 sender not allowed', 'rejected identity', 'rejected host'],
    ['mail', '552 5.3.4 too big', 'rejected message', 'rejected message'],
    ['mail', '550 5.4.5 daily sending quota exceeded', 'rejected account', 'rejected host'],
    ['mail', '450 4.1.8 no such sender domain', 'deferred identity', 'deferred identity'],
    ['mail', '451 4.3.0 later', 'deferred provider', 'deferred host'],
    ['rcpt', '550 5.1.1 no such user', 'rejected recipient', 'rejected recipient'],
    ['rcpt', '550 5.2.1 disabled', 'rejected recipient', 'rejected recipient'],
    ['rcpt', '550 no such user', 'rejected recipient', 'rejected recipient'],
    ['rcpt', '550 relay not permitted', 'rejected provider', 'rejected host'],
    ['rcpt', '554 5.7.1 relay access denied', 'rejected provider', 'rejected host'],
    ['rcpt', '550 5.4.4 no route', 'rejected provider', 'rejected host'],
    ['rcpt', '550 5.4.1 access denied', 'rejected provider', 'rejected recipient'],
    ['rcpt', '550 5.6.7 needs SMTPUTF8', 'rejected recipient', 'rejected recipient'],
    ['rcpt', '530 authenticate first', 'rejected account', 'rejected recipient'],
    ['rcpt', '503 5.5.1 bad sequence', 'rejected provider', 'rejected host'],
    ['rcpt', '450 4.2.2 mailbox full', 'deferred recipient', 'deferred recipient'],
    ['rcpt', '451 4.7.1 greylisted', 'deferred provider', 'deferred host'],
    ['rcpt', '452 4.5.3 too many recipients', 'deferred recipient', 'deferred recipient'],
    ['data', '451 4.3.0 not now', 'deferred provider', 'deferred host'],
    ['dot', '554 5.6.0 malformed', 'rejected message', 'rejected message'],
    ['dot', '552 5.3.4 too big', 'rejected message', 'rejected message'],
    ['dot', '552 too big', 'rejected message', 'rejected message'],
    ['dot', '554 spam', 'rejected message', 'rejected message'],
    ['dot', '550 5.7.1 spam', 'rejected message', 'rejected host'],
    ['dot', '550 5.7.26 not authenticated', 'rejected identity', 'rejected identity'],
    ['dot', '552 5.2.2 mailbox full', 'rejected recipient', 'rejected recipient'],
    ['dot', '421 4.3.2 shutting down', 'deferred provider', 'deferred host'],
    ['dot', '451 4.3.0 queue file write error', 'deferred provider', 'deferred host'],
    ['dot', 'gibberish', 'unknown', 'unknown'],
    ['dot', '250-yes\n550 no', 'unknown', 'unknown'],
    ['rcpt', 'gibberish', 'deferred provider', 'deferred host'],
  ]
  for (const [stage, reply, relay, mx] of cases) {
    test(`${stage}: ${JSON.stringify(reply)}`, () => {
      const told = (far: FarEnd) => {
        const outcome = failed(refused(stage, reply), far)
        return 'cause' in outcome ? `${outcome.kind} ${outcome.cause}` : outcome.kind
      }
      assert.deepEqual([told('relay'), told('mx')], [relay, mx])
    })
  }
})

describe('a lost connection', () => {
  for (const stage of ['connect', 'greeting', 'tls', 'mail', 'data', 'body'] as const) {
    test(`${stage}: nothing was sent`, () => {
      assert.equal(failed({ stage, code: 'ECONNRESET', reason: 'lost' }, 'relay').kind, 'deferred')
    })
  }
  test('dot: nobody knows', () => {
    assert.equal(failed({ stage: 'dot', code: 'ECONNRESET', reason: 'lost' }, 'mx').kind, 'unknown')
  })
  test('no route is our own link', () => {
    const outcome = failed({ stage: 'connect', code: 'ENETUNREACH', reason: 'no route' }, 'relay')
    assert.ok(outcome.kind === 'deferred' && outcome.cause === 'network')
  })
})

describe('the id in a relay’s last reply', () => {
  const cases: [reply: string, id: string][] = [
    ['250 2.0.0 Ok: queued as 4ABC12', '4ABC12'],
    ['250 2.0.0 Ok: queued as <abc@relay.example>', 'abc@relay.example'],
    ['250 OK id=1abcDE-000123-4F', '1abcDE-000123-4F'],
    ['250 Ok 0100018b5c3c0a4f-11aa-22bb-000000', '0100018b5c3c0a4f-11aa-22bb-000000'],
    ['250 2.0.0 OK <a1@b.prod.outlook.com> [Hostname=b.prod.outlook.com]', 'a1@b.prod.outlook.com'],
    ['250 2.0.0 xAPA12345 Message accepted for delivery', 'xAPA12345'],
    ['250 Message accepted', '<mine@example.com>'],
    ['250 ok', '<mine@example.com>'],
    ['250', '<mine@example.com>'],
  ]
  for (const [reply, id] of cases) {
    test(reply, () => {
      assert.deepEqual(taken(parseReply(reply), 'relay', '<mine@example.com>'), {
        kind: 'accepted',
        providerMessageId: id,
      })
    })
  }
})
