/** The carrier to a relay, against a server that answers, breaks off or falls silent at every point of the conversation. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import type { SmtpRelay } from '../../src/mail/adapter.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import { type SmtpCarrier, smtpCarrier } from '../../src/send/smtp.ts'
import { authority, certificate } from '../support/certificates.ts'
import { type FakeMx, type FakeMxOptions, fakeMx } from '../support/fake-mx.ts'
import { letter, type RawMail, rawHandoff } from '../support/handoff.ts'

const running: FakeMx[] = []
let carrier: SmtpCarrier

before(() => setDefaultCACertificates([authority]))
afterEach(async () => {
  await carrier?.close()
  for (const mx of running.splice(0)) await mx.close()
})

async function relayTo(options: FakeMxOptions = {}, more: Partial<SmtpRelay> = {}) {
  const mx = await fakeMx(options)
  running.push(mx)
  carrier = smtpCarrier()
  const relay: SmtpRelay = {
    host: '127.0.0.1',
    port: mx.port,
    tls: 'opportunistic',
    verify: true,
    connections: 2,
    ...more,
  }
  const deliver = (mail: RawMail = {}) => carrier.deliver(rawHandoff(mail), relay)
  const one = async (mail: RawMail = {}) => (await deliver(mail)).get('bob@example.net')!
  return { mx, relay, deliver, one }
}

/** `deferred provider`, `unknown`, … */
function told(outcome: Outcome | undefined): string {
  assert.ok(outcome)
  return 'cause' in outcome ? `${outcome.kind} ${outcome.cause}` : outcome.kind
}

describe('a message to a relay', () => {
  test('goes out byte for byte and brings back the relay’s id', async () => {
    const { mx, one } = await relayTo()
    const raw = `${letter}.\r\n..two dots\r\n.\r\nend of it`
    assert.deepEqual(await one({ raw }), { kind: 'accepted', providerMessageId: 'FAKE1' })
    assert.equal(mx.received[0]!.raw.toString(), `${raw}\r\n`)
    assert.equal(mx.received[0]!.from, 'ann@example.com')
    assert.match(mx.received[0]!.mail, new RegExp(`SIZE=${raw.length}`))
    assert.doesNotMatch(mx.received[0]!.mail, /8BITMIME|SMTPUTF8/)
  })

  test('says BODY=8BITMIME for bytes above 127, which arrive as they were', async () => {
    const { mx, one } = await relayTo()
    const raw = Buffer.concat([Buffer.from(letter), Buffer.from([0xe9, 0xff, 0x80, 0x0d, 0x0a])])
    assert.equal((await one({ raw })).kind, 'accepted')
    assert.match(mx.received[0]!.mail, /BODY=8BITMIME/)
    assert.deepEqual(mx.received[0]!.raw, raw)
  })

  test('is streamed when large, byte for byte', async () => {
    const { mx, one } = await relayTo()
    const raw = Buffer.from(letter + '.dots and more\r\n'.repeat(200_000))
    assert.equal((await one({ raw })).kind, 'accepted')
    assert.ok(mx.received[0]!.raw.equals(raw))
  })

  test('bears the headers this relay wants, in front', async () => {
    const { mx, one } = await relayTo(
      {},
      { headers: ({ idempotencyKey }) => [['X-Key', `${idempotencyKey}\r\nBcc: x`]] },
    )
    await one()
    assert.equal(mx.received[0]!.raw.toString(), `X-Key: key Bcc: x\r\n${letter}`)
  })

  test('has each recipient’s own outcome, and DATA goes only to those accepted', async () => {
    const answers: Record<string, string> = {
      b: '450 4.2.2 full',
      c: '550 5.1.1 nobody',
      d: '554 5.7.1 relay access denied',
    }
    const { mx, deliver } = await relayTo({ on: { rcpt: (line) => answers[/<(\w)/.exec(line)![1]!] } })
    const outcomes = await deliver({ to: ['a@x.test', 'b@x.test', 'c@x.test', 'd@x.test'] })
    assert.deepEqual([...outcomes.values()].map(told), [
      'accepted',
      'deferred recipient',
      'rejected recipient',
      'rejected provider',
    ])
    assert.deepEqual(mx.received[0]!.to, ['a@x.test'])
  })

  test('whose recipients are all refused gives each its own reply, and the connection stays good', async () => {
    let n = 0
    const { mx, deliver, one } = await relayTo({ on: { rcpt: () => ['550 5.1.1 no', '451 4.3.0 later'][n++] } })
    const outcomes = await deliver({ to: ['a@x.test', 'b@x.test'] })
    assert.deepEqual([...outcomes.values()].map(told), ['rejected recipient', 'deferred provider'])
    assert.equal((await one()).kind, 'accepted')
    assert.equal(mx.sessions.length, 1)
    assert.ok(mx.sessions[0]!.lines.includes('RSET'))
  })

  test('keeps what RCPT refused when the rest becomes unknown', async () => {
    const { deliver } = await relayTo({
      on: { rcpt: (line) => (line.includes('<a') ? '550 5.1.1 no' : undefined), dot: { next: 'close' } },
    })
    const outcomes = await deliver({ to: ['a@x.test', 'b@x.test'] })
    assert.deepEqual([...outcomes.values()].map(told), ['rejected recipient', 'unknown'])
  })

  test('carries DSN parameters to a server that offers DSN, each recipient its own', async () => {
    const { mx, deliver } = await relayTo()
    await deliver({
      to: ['a@x.test', 'b@x.test', 'c@x.test'],
      message: { dsn: { ret: 'HDRS', envid: 'a+b=c' } },
      dsn: { 'a@x.test': { notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;a+1@x.test' } },
    })
    assert.deepEqual(
      mx.received.map(({ to }) => to),
      [['a@x.test', 'b@x.test', 'c@x.test']],
    )
    assert.match(mx.received[0]!.mail, /RET=HDRS ENVID=a\+2Bb\+3Dc$/)
    assert.match(mx.received[0]!.rcpt[0]!, /NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a\+2B1@x\.test$/)
    assert.match(mx.received[0]!.rcpt[1]!, /<b@x\.test>$/)
  })

  test('goes without DSN parameters to one that does not', async () => {
    const { mx, deliver } = await relayTo({ offers: ['PIPELINING'] })
    await deliver({
      to: ['a@x.test', 'b@x.test'],
      message: { dsn: { ret: 'FULL' } },
      dsn: { 'a@x.test': { notify: ['NEVER'] } },
    })
    assert.equal(mx.received.length, 1)
    assert.match(mx.received[0]!.mail, /<ann@example\.com>$/)
  })

  test('has an empty return path when it is a report', async () => {
    const { mx, one } = await relayTo()
    await one({ from: '' })
    assert.match(mx.received[0]!.mail, /^MAIL FROM:<> /)
  })

  test('goes to a server that knows only HELO', async () => {
    const { mx, one } = await relayTo({ on: { ehlo: (line) => (line.startsWith('EHLO') ? '502 what?' : '250 hello') } })
    assert.equal((await one()).kind, 'accepted')
    assert.equal(mx.received.length, 1)
  })

  test('in parts is a mistake of ours', async () => {
    const { relay } = await relayTo()
    const handoff = { ...rawHandoff(), content: { form: 'parts' } as never }
    await assert.rejects(carrier.deliver(handoff, relay), TypeError)
  })
})

describe('what is known beforehand is not tried', () => {
  test('a message above the server’s SIZE', async () => {
    const { mx, one } = await relayTo({ offers: ['SIZE 100'] })
    const outcome = await one()
    assert.ok(outcome.kind === 'rejected' && outcome.cause === 'message' && outcome.diagnostic.status === '5.3.4')
    assert.ok(!mx.sessions[0]!.lines.some((line) => line.startsWith('MAIL')))
  })

  test('an address that needs SMTPUTF8, where the server lacks it; the others go', async () => {
    const { mx, deliver } = await relayTo({ offers: [] })
    const outcomes = await deliver({ to: ['jürgen@x.test', 'bob@x.test'] })
    assert.equal(outcomes.get('bob@x.test')!.kind, 'accepted')
    const outcome = outcomes.get('jürgen@x.test')!
    assert.ok(outcome.kind === 'rejected' && outcome.cause === 'recipient' && outcome.diagnostic.status === '5.6.7')
    assert.deepEqual(mx.received[0]!.to, ['bob@x.test'])
  })

  test('where the server has SMTPUTF8, it goes', async () => {
    const { mx, deliver } = await relayTo()
    await deliver({ to: ['jürgen@x.test'] })
    assert.match(mx.received[0]!.mail, /SMTPUTF8/)
    assert.deepEqual(mx.received[0]!.to, ['jürgen@x.test'])
  })
})

describe('a connection that ends', () => {
  const plain = ['8BITMIME']
  const cases: [name: string, options: FakeMxOptions, outcome: string][] = [
    ['before the greeting', { on: { greeting: { next: 'close' } } }, 'deferred provider'],
    ['by reset before the greeting', { on: { greeting: { next: 'reset' } } }, 'deferred provider'],
    [
      'in the middle of the greeting',
      { on: { greeting: { say: '22', raw: true, next: 'close' } } },
      'deferred provider',
    ],
    ['with 421 for a greeting', { on: { greeting: { say: '421 busy', next: 'close' } } }, 'deferred provider'],
    ['with 554 for a greeting', { on: { greeting: { say: '554 no', next: 'close' } } }, 'deferred provider'],
    ['at EHLO', { on: { ehlo: { next: 'close' } } }, 'deferred provider'],
    ['at MAIL', { on: { mail: { next: 'close' } } }, 'deferred provider'],
    ['at MAIL, without pipelining', { offers: plain, on: { mail: { next: 'close' } } }, 'deferred provider'],
    ['at RCPT', { on: { rcpt: { next: 'reset' } } }, 'deferred provider'],
    [
      'at RCPT, after half a no',
      { offers: plain, on: { rcpt: { say: '550 5.1.1 no', raw: true, next: 'close' } } },
      'deferred provider',
    ],
    ['at RCPT with 421', { on: { rcpt: { say: '421 4.3.2 bye', next: 'close' } } }, 'deferred provider'],
    ['at DATA', { on: { data: { next: 'close' } } }, 'deferred provider'],
    ['at DATA with 451', { on: { data: { say: '451 4.3.0 no', next: 'close' } } }, 'deferred provider'],
    ['after 354, before the dot was read', { on: { body: { next: 'reset' } } }, 'unknown'],
    ['after the dot, before the reply', { on: { dot: { next: 'close' } } }, 'unknown'],
    ['by reset after the dot', { on: { dot: { next: 'reset' } } }, 'unknown'],
    ['after half a reply to the dot', { on: { dot: { say: '25', raw: true, next: 'close' } } }, 'unknown'],
    ['after a yes without its line end', { on: { dot: { say: '250 2.0.0 Ok', raw: true, next: 'close' } } }, 'unknown'],
    ['after a no without its line end', { on: { dot: { say: '550 5.7.1 no', raw: true, next: 'close' } } }, 'unknown'],
    [
      'in the middle of a long reply',
      { on: { dot: { say: '250-one\r\n250-two\r\n', raw: true, next: 'close' } } },
      'unknown',
    ],
    ['with 421 after the dot', { on: { dot: { say: '421 4.3.2 shutting down', next: 'close' } } }, 'deferred provider'],
    ['with 451 after the dot', { on: { dot: { say: '451 4.3.0 later', next: 'close' } } }, 'deferred provider'],
    ['with 554 after the dot', { on: { dot: { say: '554 5.6.0 no', next: 'close' } } }, 'rejected message'],
    ['after 250, at once', { on: { dot: { say: '250 ok', next: 'close' } } }, 'accepted'],
  ]
  for (const [name, options, outcome] of cases) {
    test(name, async () => {
      const { mx, one } = await relayTo(options)
      assert.equal(told(await one()), outcome)
      assert.ok(mx.received.length <= 1)
    })
  }

  test('refused altogether', async () => {
    const { mx, one } = await relayTo()
    await mx.close()
    running.splice(0)
    const outcome = await one()
    assert.ok(outcome.kind === 'deferred' && outcome.cause === 'provider' && outcome.diagnostic.code === 'ECONNREFUSED')
  })

  test('while a large message is still being read: no dot, so not sent', async () => {
    const { mx, one } = await relayTo({ on: { body: { next: 'reset' } } })
    const { promise: never } = Promise.withResolvers<void>()
    async function* stream() {
      yield Buffer.from(letter)
      await never
    }
    assert.equal(told(await one({ stream, size: 2_000_000 })), 'deferred provider')
    assert.equal(mx.received.length, 0)
  })

  test('because our own content broke off: no dot is written', async () => {
    const { mx, one } = await relayTo()
    async function* stream() {
      yield Buffer.from(letter)
      throw new Error('disk gone')
    }
    assert.equal(told(await one({ stream, size: 2_000_000 })), 'deferred network')
    await mx.until(() => mx.open() === 0)
    assert.equal(mx.received.length, 0)
  })
})

describe('a server that falls silent', () => {
  const cases: [name: string, options: FakeMxOptions, reached: (mx: FakeMx) => boolean, outcome: string][] = [
    [
      'before the greeting',
      { on: { greeting: { next: 'silence' } } },
      (mx) => mx.sessions.length === 1,
      'deferred provider',
    ],
    ['at EHLO', { on: { ehlo: { next: 'silence' } } }, (mx) => saw(mx, 'EHLO'), 'deferred provider'],
    ['at MAIL', { on: { mail: { next: 'silence' } } }, (mx) => saw(mx, 'MAIL'), 'deferred provider'],
    ['at RCPT', { on: { rcpt: { next: 'silence' } } }, (mx) => saw(mx, 'RCPT'), 'deferred provider'],
    ['at DATA', { on: { data: { next: 'silence' } } }, (mx) => saw(mx, 'DATA'), 'deferred provider'],
    ['after the dot', { on: { dot: { next: 'silence' } } }, (mx) => mx.received.length === 1, 'unknown'],
  ]
  for (const [name, options, reached, outcome] of cases) {
    test(name, async () => {
      const { mx, one } = await relayTo(options)
      const timeout = new AbortController()
      const answer = one({ signal: timeout.signal })
      await mx.until(reached)
      timeout.abort()
      assert.equal(told(await answer), outcome)
      await mx.until(() => mx.open() === 0)
    })
  }

  test('and reads so slowly that the body never ends: the slot is free again at the deadline', async () => {
    const { mx, one } = await relayTo({ on: { body: { next: 'silence' } } })
    const timeout = new AbortController()
    async function* endless() {
      for (;;) yield Buffer.alloc(65_536, 'x')
    }
    const answer = one({ stream: endless, size: 2_000_000, signal: timeout.signal })
    await mx.until(() => saw(mx, 'DATA'))
    timeout.abort()
    assert.equal(told(await answer), 'deferred provider')
    await mx.until(() => mx.open() === 0)
  })

  test('an aborted handoff is not begun', async () => {
    const { mx, one } = await relayTo()
    assert.equal(told(await one({ signal: AbortSignal.abort() })), 'deferred provider')
    assert.equal(mx.received.length, 0)
  })

  function saw(mx: FakeMx, verb: string): boolean {
    return mx.sessions.some(({ lines }) => lines.some((line) => line.startsWith(verb)))
  }
})

describe('hostile replies', () => {
  test('without an end are cut off, and after the dot that is unknown', async () => {
    const { one } = await relayTo({ on: { dot: { say: '250-x\r\n'.repeat(20_000), raw: true, next: 'silence' } } })
    assert.equal(told(await one()), 'unknown')
  })

  test('are stored without control characters, and short', async () => {
    const { one } = await relayTo({ on: { rcpt: `550 5.1.1 \x00\x1b[31m\xff<img src=x>${'y'.repeat(5_000)}` } })
    const outcome = await one()
    assert.ok(outcome.kind === 'rejected')
    assert.doesNotMatch(outcome.diagnostic.reason, /[\x00-\x1f]/)
    assert.ok(outcome.diagnostic.reason.length <= 1_000)
  })

  test('that contradict themselves after the dot are unknown', async () => {
    const { one } = await relayTo({ on: { dot: '250-yes\r\n550 no' } })
    assert.equal(told(await one()), 'unknown')
  })

  test('without any text are read', async () => {
    const { one } = await relayTo({ on: { rcpt: '550' } })
    assert.equal(told(await one()), 'rejected recipient')
  })

  test('354 to a sender that was refused gets no message', async () => {
    const { mx, one } = await relayTo({ on: { mail: '550 5.7.1 not you', data: '354 go on' } })
    assert.equal(told(await one()), 'rejected identity')
    assert.equal(mx.received.length, 0)
  })
})

describe('connections', () => {
  test('are kept between messages, and never more than allowed', async () => {
    const { mx, one } = await relayTo()
    const all = await Promise.all(Array.from({ length: 20 }, () => one()))
    assert.ok(all.every(({ kind }) => kind === 'accepted'))
    assert.equal(mx.received.length, 20)
    assert.equal(mx.sessions.length, 2)
  })

  test('that were closed meanwhile are made anew, and the message goes once', async () => {
    const { mx, one } = await relayTo({
      on: { mail: (_, { number, lines }) => (number === 1 && lines.length > 5 ? { next: 'reset' } : undefined) },
    })
    assert.equal((await one()).kind, 'accepted')
    assert.equal((await one()).kind, 'accepted')
    assert.equal((await one()).kind, 'accepted')
    assert.equal(mx.received.length, 3)
    assert.equal(mx.sessions.length, 2)
  })

  test('that say 421 when they are used again are made anew', async () => {
    const { mx, one } = await relayTo({
      on: {
        mail: (_, { number, lines }) =>
          number === 1 && lines.length > 5 ? { say: '421 4.4.2 timeout', next: 'close' } : undefined,
      },
    })
    await one()
    assert.equal((await one()).kind, 'accepted')
    assert.equal(mx.received.length, 2)
  })

  test('that all were closed meanwhile are not tried one by one', async () => {
    const { mx, one } = await relayTo()
    await Promise.all([one(), one()])
    assert.equal(mx.sessions.length, 2)
    mx.drop()
    await mx.until(() => mx.open() === 0)
    assert.equal((await one()).kind, 'accepted')
    assert.deepEqual([mx.received.length, mx.sessions.length], [3, 3])
  })

  test('that end after the dot are not made anew for the same message', async () => {
    const { mx, one } = await relayTo({
      on: { dot: (_, { lines }) => (lines.length > 5 ? { next: 'reset' } : undefined) },
    })
    await one()
    assert.equal(told(await one()), 'unknown')
    assert.equal(mx.received.length, 2)
    assert.equal(mx.sessions.length, 1)
  })

  test('wait for a free one only until the deadline', async () => {
    const { mx, one } = await relayTo({ on: { dot: { next: 'silence' } } }, { connections: 1 })
    const first = new AbortController()
    const busy = one({ signal: first.signal })
    await mx.until(() => mx.received.length === 1)
    const second = new AbortController()
    const waiting = one({ signal: second.signal })
    second.abort()
    assert.equal(told(await waiting), 'deferred provider')
    first.abort()
    assert.equal(told(await busy), 'unknown')
  })

  test('are closed with QUIT, and nothing is sent after that', async () => {
    const { mx, one } = await relayTo()
    await one()
    await carrier.close()
    await mx.until(() => mx.open() === 0)
    assert.ok(mx.sessions[0]!.lines.includes('QUIT'))
    assert.equal(told(await one()), 'deferred network')
  })
})

describe('TLS and AUTH', () => {
  test('STARTTLS is used where offered, whatever the certificate, when it is opportunistic', async () => {
    setDefaultCACertificates([])
    after(() => setDefaultCACertificates([authority]))
    const { mx, one } = await relayTo({ tls: certificate })
    assert.equal((await one()).kind, 'accepted')
    assert.ok(mx.received[0]!.secure)
    setDefaultCACertificates([authority])
  })

  test('a certificate that is not valid stops required TLS, and no credentials are sent', async () => {
    setDefaultCACertificates([])
    const { mx, one } = await relayTo({ tls: certificate }, { tls: 'required', user: 'ann', pass: 'secret' })
    const outcome = await one()
    assert.ok(outcome.kind === 'deferred' && outcome.cause === 'provider')
    assert.equal(outcome.diagnostic.status, '4.7.5')
    assert.equal(mx.sessions[0]!.user, null)
    setDefaultCACertificates([authority])
  })

  for (const tls of ['implicit', 'required'] as const) {
    test(`AUTH over ${tls} TLS`, async () => {
      const server = { ...certificate, implicit: tls === 'implicit' }
      const { mx, one } = await relayTo(
        { tls: server, offers: ['AUTH PLAIN LOGIN'] },
        { tls, user: 'ann', pass: 'secret' },
      )
      assert.equal((await one()).kind, 'accepted')
      assert.equal(mx.sessions[0]!.user, 'ann')
      assert.ok(mx.received[0]!.secure)
    })
  }

  test('refused credentials are the account’s fault, and are not shown', async () => {
    const token = Buffer.from('\0ann\0secret').toString('base64')
    const { one } = await relayTo(
      { tls: certificate, offers: ['AUTH PLAIN'], on: { auth: `535 5.7.8 secret or ${token} is wrong` } },
      { tls: 'required', user: 'ann', pass: 'secret' },
    )
    const outcome = await one()
    assert.equal(told(outcome), 'rejected account')
    assert.ok(!JSON.stringify(outcome).includes('secret') && !JSON.stringify(outcome).includes(token))
  })

  test('a connection lost during AUTH is no refusal', async () => {
    const { one } = await relayTo(
      { tls: certificate, offers: ['AUTH PLAIN'], on: { auth: { next: 'close' } } },
      { tls: 'required', user: 'ann', pass: 'secret' },
    )
    assert.equal(told(await one()), 'deferred provider')
  })

  test('credentials never travel in the clear, whatever is configured', async () => {
    const { mx, one } = await relayTo({ offers: ['AUTH PLAIN LOGIN'] }, { tls: 'none', user: 'ann', pass: 'secret' })
    assert.equal(told(await one()), 'deferred provider')
    assert.ok(!mx.sessions[0]!.lines.some((line) => line.startsWith('AUTH')))
  })

  test('required TLS that is not offered defers', async () => {
    const { mx, one } = await relayTo({}, { tls: 'required' })
    assert.equal(told(await one()), 'deferred provider')
    assert.equal(mx.received.length, 0)
  })

  for (const [name, starttls] of [
    ['refused', '454 4.7.0 not available'],
    ['broken off', { say: '220 go ahead', next: 'close' }],
    ['answered with rubbish', { say: '220 go ahead\r\nrubbish', next: 'close' }],
  ] as const) {
    test(`opportunistic TLS that is ${name} ends in plaintext or not at all, required TLS always in deferral`, async () => {
      const options = { tls: certificate, on: { starttls } } as const
      const opportunistic = await relayTo(options)
      const outcome = told(await opportunistic.one())
      assert.equal(outcome, name === 'answered with rubbish' ? 'deferred provider' : 'accepted')
      await carrier.close()
      const required = await relayTo(options, { tls: 'required' })
      assert.equal(told(await required.one()), 'deferred provider')
      assert.equal(required.mx.received.length, 0)
    })
  }

  test('words put in ahead of the handshake stop everything before AUTH', async () => {
    const { mx, one } = await relayTo(
      { tls: certificate, on: { starttls: '220 go ahead\r\n250-AUTH PLAIN\r\n250 mine' } },
      { tls: 'required', user: 'ann', pass: 'secret' },
    )
    const outcome = await one()
    assert.ok(outcome.kind === 'deferred' && outcome.diagnostic.code === 'EINJECTED')
    assert.equal(mx.sessions[0]!.user, null)
  })
})

test('a port that answers but is no SMTP server defers', async () => {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  carrier = smtpCarrier()
  const { port } = server.address() as { port: number }
  const relay: SmtpRelay = { host: '127.0.0.1', port, tls: 'none', verify: true, connections: 1 }
  assert.equal(told((await carrier.deliver(rawHandoff(), relay)).get('bob@example.net')), 'deferred provider')
  server.close()
})
