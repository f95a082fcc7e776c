/** Transactions as they stand on the wire, with and without PIPELINING (RFC 2920). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import type { SmtpRelay } from '../../src/mail/adapter.ts'
import type { Outcome } from '../../src/mail/outcome.ts'
import { type SmtpCarrier, smtpCarrier } from '../../src/send/smtp.ts'
import { type FakeMx, type FakeMxOptions, fakeMx } from '../support/fake-mx.ts'
import { letter, rawHandoff } from '../support/handoff.ts'

let carrier: SmtpCarrier
let mx: FakeMx | undefined
let scripted: Server | undefined
afterEach(async () => {
  await carrier.close()
  await mx?.close()
  scripted?.close()
  mx = scripted = undefined
})

function toPort(port: number) {
  carrier = smtpCarrier()
  const relay: SmtpRelay = { host: '127.0.0.1', port, tls: 'none', verify: true, connections: 1 }
  return async (to = ['a@x.test', 'b@x.test'], signal?: AbortSignal): Promise<(string | undefined)[]> => {
    const outcomes = await carrier.deliver(rawHandoff({ to, ...(signal && { signal }) }), relay)
    return to.map((email) => told(outcomes.get(email)))
  }
}

async function toMx(options: FakeMxOptions = {}) {
  mx = await fakeMx(options)
  return { mx, deliver: toPort(mx.port) }
}

function told(outcome: Outcome | undefined): string | undefined {
  return outcome && 'cause' in outcome ? `${outcome.kind} ${outcome.cause}` : outcome?.kind
}

/** A server that says `envelope` once it has read DATA, and `dot` once it has read the dot, each in the pieces given. */
async function script(envelope: string[], dot: string[]) {
  const reads: string[] = []
  scripted = createServer((socket) => {
    const say = async (pieces: string[]) => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise(setImmediate)
      }
    }
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.write('220 hello\r\n')
    let heard = ''
    socket.on('data', (bytes) => {
      const text = bytes.toString()
      heard += text
      if (heard.startsWith('EHLO')) socket.write('250-hello\r\n250 PIPELINING\r\n')
      else reads.push(text)
      if (heard.endsWith('\r\n.\r\n')) void say(dot)
      else if (heard.endsWith('DATA\r\n')) void say(envelope)
      else if (!heard.startsWith('EHLO')) return
      heard = ''
    })
  }).listen(0, '127.0.0.1')
  await once(scripted, 'listening')
  return { reads, deliver: toPort((scripted.address() as AddressInfo).port) }
}

describe('replies', () => {
  const envelope = '250 2.1.0 ok\r\n250-2.1.5 yes\r\n250 2.1.5 yes\r\n550 5.1.1 no\r\n354 go\r\n'
  const dot = '250-2.0.0 Ok:\r\n250 2.0.0 queued as 4ABC\r\n'

  test('that come all at once, to an envelope written in one piece and a message written in another', async () => {
    const { reads, deliver } = await script([envelope], [dot])
    assert.deepEqual(await deliver(), ['accepted', 'rejected recipient'])
    assert.deepEqual(reads, [
      'MAIL FROM:<ann@example.com>\r\nRCPT TO:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n',
      `${letter}.\r\n`,
    ])
  })

  test('that come byte by byte', async () => {
    const { deliver } = await script([...envelope], [...dot])
    assert.deepEqual(await deliver(), ['accepted', 'rejected recipient'])
    assert.deepEqual(await deliver(), ['accepted', 'rejected recipient'])
  })

  test('that nobody waits for end the connection: what follows must not be taken for an answer', async () => {
    const { deliver } = await script([envelope], [dot, '250 2.0.0 queued as 4ABD\r\n'])
    const first = await deliver()
    assert.deepEqual(first, ['accepted', 'rejected recipient'])
    assert.deepEqual(await deliver(), first)
  })
})

describe('a pipelined envelope', () => {
  test('whose recipients are all refused, and yet 354, is ended with the dot alone', async () => {
    let n = 0
    const { mx, deliver } = await toMx({
      on: { rcpt: () => (n++ < 2 ? '550 5.1.1 no' : undefined), data: '354 go' },
    })
    assert.deepEqual(await deliver(), ['rejected recipient', 'rejected recipient'])
    assert.deepEqual([mx.received[0]!.raw.length, mx.received[0]!.to.length], [0, 0])
    assert.deepEqual(await deliver(), ['accepted', 'accepted'])
    assert.equal(mx.sessions.length, 1)
  })

  test('whose sender is refused is not told of each recipient’s 503', async () => {
    const { mx, deliver } = await toMx({
      on: { mail: '550 5.7.1 not you', rcpt: '503 5.5.1 MAIL first', data: '503 5.5.1 MAIL first' },
    })
    assert.deepEqual(await deliver(), ['rejected identity', 'rejected identity'])
    assert.equal(mx.open(), 1)
  })

  test('that a reset cuts in the middle keeps the answers that came', async () => {
    let n = 0
    const { mx, deliver } = await toMx({
      on: { rcpt: () => [{ say: '550 5.1.1 no' }, { say: '250 ok' }, { next: 'close' as const }][n++] },
    })
    assert.deepEqual(await deliver(['a@x.test', 'b@x.test', 'c@x.test']), [
      'rejected recipient',
      'deferred provider',
      'deferred provider',
    ])
    assert.equal(mx.received.length, 0)
  })

  test('that meets 421 in the middle keeps the answers that came, and no message follows', async () => {
    let n = 0
    const { mx, deliver } = await toMx({
      // It goes on all the same, which must not matter.
      on: { rcpt: () => ['550 5.1.1 no', '421 4.3.2 going', undefined][n++] },
    })
    assert.deepEqual(await deliver(['a@x.test', 'b@x.test', 'c@x.test']), [
      'rejected recipient',
      'deferred provider',
      'deferred provider',
    ])
    await mx.until(() => mx.open() === 0)
    assert.equal(mx.received.length, 0)
  })

  test('goes on another connection when a kept one ends anywhere before 354', async () => {
    for (const moment of ['mail', 'rcpt', 'data'] as const) {
      for (const move of [{ next: 'reset' }, { say: '421 4.4.2 timeout', next: 'close' }] as const) {
        const { mx, deliver } = await toMx({
          on: {
            [moment]: (_: string, { number, lines }: { number: number; lines: string[] }) =>
              number === 1 && lines.length > 5 ? move : undefined,
          },
        })
        assert.deepEqual(await deliver(), ['accepted', 'accepted'])
        assert.deepEqual(await deliver(), ['accepted', 'accepted'])
        assert.deepEqual([mx.received.length, mx.sessions.length], [2, 2])
        await carrier.close()
        await mx.close()
      }
    }
  })

  test('goes on another connection when the server will not forget the one before', async () => {
    let n = 0
    const { mx, deliver } = await toMx({
      on: { rcpt: () => (n++ < 2 ? '550 5.1.1 no' : undefined), rset: '500 5.5.1 what?' },
    })
    await deliver()
    assert.deepEqual(await deliver(), ['accepted', 'accepted'])
    assert.equal(mx.sessions.length, 2)
  })
})

describe('a server without PIPELINING', () => {
  const offers = ['8BITMIME']

  test('is told one thing at a time', async () => {
    const { mx, deliver } = await toMx({
      offers,
      on: { rcpt: (line) => (line.includes('<b') ? '550 5.1.1 no' : undefined) },
    })
    assert.deepEqual(await deliver(), ['accepted', 'rejected recipient'])
    assert.deepEqual(mx.sessions[0]!.lines.slice(1), [
      'MAIL FROM:<ann@example.com>',
      'RCPT TO:<a@x.test>',
      'RCPT TO:<b@x.test>',
      'DATA',
    ])
  })

  test('is not asked for recipients after a refused sender, nor for DATA without recipients', async () => {
    let n = 0
    const { mx, deliver } = await toMx({
      offers,
      on: {
        mail: () => (n++ === 0 ? '550 5.7.1 not you' : undefined),
        rcpt: () => (n < 3 ? '550 5.1.1 no' : undefined),
      },
    })
    assert.deepEqual(await deliver(), ['rejected identity', 'rejected identity'])
    assert.deepEqual(await deliver(), ['rejected recipient', 'rejected recipient'])
    assert.deepEqual(await deliver(), ['accepted', 'accepted'])
    assert.deepEqual(
      mx.sessions[0]!.lines.map((line) => line.slice(0, 4)),
      ['EHLO', 'MAIL', 'RSET', 'MAIL', 'RCPT', 'RCPT', 'RSET', 'MAIL', 'RCPT', 'RCPT', 'DATA'],
    )
  })

  for (const [moment, reached, outcome] of [
    ['mail', 'MAIL', 'deferred provider'],
    ['rcpt', 'RCPT', 'deferred provider'],
    ['data', 'DATA', 'deferred provider'],
    ['dot', 'DATA', 'unknown'],
  ] as const) {
    test(`that falls silent at ${moment} is left at the deadline`, async () => {
      const { mx, deliver } = await toMx({ offers, on: { [moment]: { next: 'silence' } } })
      const timeout = new AbortController()
      const answer = deliver(undefined, timeout.signal)
      await mx.until(
        () =>
          mx.sessions[0]?.lines.at(-1)?.startsWith(reached) === true && (moment !== 'dot' || mx.received.length > 0),
      )
      timeout.abort()
      assert.deepEqual(await answer, [outcome, outcome])
      await mx.until(() => mx.open() === 0)
    })
  }
})

describe('a streamed message', () => {
  test('that is refused before its end gets that answer, and no dot', async () => {
    const { mx } = await toMx({ on: { body: { say: '552 5.3.4 too big', next: 'silence' } } })
    const { promise: never } = Promise.withResolvers<void>()
    async function* stream() {
      yield Buffer.from(letter)
      await never
    }
    const relay: SmtpRelay = { host: '127.0.0.1', port: mx.port, tls: 'none', verify: true, connections: 1 }
    const outcomes = await carrier.deliver(rawHandoff({ stream, size: 2_000_000 }), relay)
    assert.equal(told(outcomes.get('bob@example.net')), 'rejected message')
    await mx.until(() => mx.open() === 0)
    assert.equal(mx.received.length, 0)
  })
})

test('an address that would be a command of its own is never written, and the connection is free again', async () => {
  const { mx, deliver } = await toMx()
  for (const evil of ['a@x.test>\r\nRSET', 'a@x.test> NOTIFY=NEVER', 'a\0@x.test', '<a@x.test']) {
    await assert.rejects(deliver([evil]), TypeError)
  }
  assert.deepEqual(await deliver(), ['accepted', 'accepted'])
  assert.deepEqual([mx.sessions.length, mx.received.length], [1, 1])
  assert.ok(!mx.sessions[0]!.lines.includes('RSET'))
})
