/** The HTTP carrier against servers that fail in every way a server can. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTls } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Handoff, HttpExchange, HttpRequest, SdkCall } from '../../src/mail/adapter.ts'
import { forAll, type Outcome } from '../../src/mail/outcome.ts'
import { errorCode, unanswered } from '../../src/send/classify.ts'
import { type HttpCarrier, httpCarrier } from '../../src/send/http.ts'
import { handoff, inWords } from '../adapters/fixture.ts'
import { authority, certificate } from '../support/certificates.ts'

const ann = 'ann@example.com'
let carrier: HttpCarrier
let servers: { close(): void; closeAllConnections?(): void }[] = []

beforeEach(() => {
  carrier = httpCarrier({ connections: 2 })
})
afterEach(async () => {
  await carrier.close()
  for (const server of servers) {
    server.closeAllConnections?.()
    server.close()
  }
  servers = []
})

async function listening<Listener extends Server | ReturnType<typeof createTcp>>(server: Listener, scheme = 'http') {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
const serve = (listener: RequestListener) => listening(createServer(listener))

/** An adapter that says whatever it is told, and reads every answer as accepted with the status as id and the body behind it. */
function vendor(request: Partial<HttpRequest> & { url: string }): HttpExchange<null> {
  return {
    kind: 'http',
    request: () => ({ method: 'POST', headers: {}, body: '{}', ...request }),
    outcomes: (asked, answer) =>
      forAll(
        asked.recipients.map(({ email }) => email),
        { kind: 'accepted', providerMessageId: `${answer.status} ${answer.body}` },
      ),
  }
}

async function outcomeOf(request: Parameters<typeof vendor>[0], asked: Handoff = handoff([ann])): Promise<Outcome> {
  return (await carrier.send(vendor(request), asked, null)).get(ann)!
}

describe('a call', () => {
  test('carries method, headers and body, and brings the answer', async () => {
    const url = await serve((request, response) => {
      const pieces: Buffer[] = []
      request.on('data', (piece) => pieces.push(piece))
      request.on('end', () => {
        const { method, headers } = request
        const got = {
          method,
          key: headers['x-key'],
          length: headers['content-length'],
          body: Buffer.concat(pieces).length,
        }
        response.end(JSON.stringify(got))
      })
    })
    const body = 'ä'.repeat(100_000)
    const outcome = await outcomeOf({ url, method: 'PUT', headers: { 'x-key': 'k' }, body })
    assert.equal(inWords(outcome), 'accepted 200 {"method":"PUT","key":"k","length":"200000","body":200000}')
  })

  test('uses connections again', async () => {
    const sockets = new Set<Socket>()
    const url = await serve((request, response) => {
      sockets.add(request.socket)
      request.resume().on('end', () => response.end())
    })
    for (let i = 0; i < 10; i++) await outcomeOf({ url })
    assert.ok(sockets.size <= 2)
  })

  test('opens no more connections than it may', async () => {
    const sockets = new Set<Socket>()
    const url = await serve((request, response) => {
      sockets.add(request.socket)
      request.resume().on('end', () => setImmediate(() => response.end()))
    })
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcomeOf({ url })))
    assert.ok(outcomes.every((outcome) => outcome.kind === 'accepted'))
    assert.ok(sockets.size <= 2)
  })

  test('reads an answer up to the limit, and no further', async () => {
    const sizes = [1_048_576, 1_048_577]
    const url = await serve((request, response) =>
      request.resume().on('end', () => response.end('x'.repeat(sizes.shift()!))),
    )
    assert.equal((await outcomeOf({ url })).kind, 'accepted')
    assert.equal((await outcomeOf({ url })).kind, 'unknown')
  })
})

describe('no whole answer', () => {
  test('when the process stops: unknown, for it may have been taken', async () => {
    const stop = new AbortController()
    const url = await serve((request) => request.resume().on('end', () => stop.abort()))
    const outcome = await outcomeOf({ url }, { ...handoff([ann]), signal: stop.signal })
    assert.equal(outcome.kind === 'unknown' && outcome.diagnostic.code, 'ABORTED')
  })

  test('when it was stopped before it began: nothing was sent', async () => {
    let seen = 0
    const url = await serve(() => seen++)
    const outcome = await outcomeOf({ url }, { ...handoff([ann]), signal: AbortSignal.abort() })
    assert.equal(inWords(outcome), 'deferred/network')
    assert.equal(seen, 0)
  })

  test('when all connections are taken until the deadline: nothing was sent', async () => {
    let seen = 0
    const url = await serve(() => seen++)
    const stop = new AbortController()
    const stuck = [
      outcomeOf({ url }, { ...handoff([ann]), signal: stop.signal }),
      outcomeOf({ url }, { ...handoff([ann]), signal: stop.signal }),
    ]
    const waiting = await outcomeOf({ url }, handoff([ann], undefined, 300))
    assert.equal(inWords(waiting), 'deferred/provider')
    stop.abort()
    assert.deepEqual((await Promise.all(stuck)).map(inWords), ['unknown', 'unknown'])
    assert.equal(seen, 2)
  })

  test('when the far end talks something else: unknown', async () => {
    const url = await listening(
      createTcp((socket) => socket.on('error', () => {}).on('data', () => socket.end('220 mail ready\r\n'))),
    )
    assert.equal(inWords(await outcomeOf({ url })), 'unknown')
  })

  test('when it closes without a word: unknown', async () => {
    const url = await listening(createTcp((socket) => socket.on('error', () => {}).on('data', () => socket.end())))
    assert.equal(inWords(await outcomeOf({ url })), 'unknown')
  })

  test('when TLS fails: nothing was sent', async () => {
    let seen = 0
    const server = createTls(certificate, (request, response) => {
      seen++
      request.resume().on('end', () => response.end())
    })
    const url = await listening(server as unknown as Server, 'https')
    const untrusted = await outcomeOf({ url })
    assert.equal(untrusted.kind === 'deferred' && untrusted.diagnostic.code, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    assert.equal(seen, 0)
    const own = httpCarrier({ ca: authority })
    assert.equal((await own.send(vendor({ url }), handoff([ann]), null)).get(ann)?.kind, 'accepted')
    await own.close()
    const plain = await outcomeOf({ url: (await serve(() => seen++)).replace('http:', 'https:') })
    assert.equal(inWords(plain), 'deferred/provider')
    assert.equal(seen, 1)
  })

  test('when a header cannot be written: the settings are wrong', async () => {
    const url = await serve((_, response) => response.end())
    assert.equal(inWords(await outcomeOf({ url, headers: { authorization: 'Bearer a\r\nx: y' } })), 'rejected/account')
  })
})

describe('an SDK', () => {
  const sdk = (call: SdkCall<null>['call']): SdkCall<null> => ({
    kind: 'sdk',
    call,
    outcomes: vendor({ url: '' }).outcomes,
  })

  test('is read by what came over the wire, whatever it throws', async () => {
    const url = await serve((request, response) => request.resume().on('end', () => response.writeHead(422).end('no')))
    const outcomes = await carrier.send(
      sdk(async (_handoff, _options, fetch) => {
        await fetch(url, { method: 'POST', body: '{}' })
        throw new Error('400')
      }),
      handoff([ann]),
      null,
    )
    assert.equal(inWords(outcomes.get(ann)), 'accepted 422 no')
  })

  test('that refuses its input made no call', async () => {
    const outcomes = await carrier.send(
      sdk(async () => {
        throw new Error('subject is required')
      }),
      handoff([ann]),
      null,
    )
    assert.equal(inWords(outcomes.get(ann)), 'rejected/message')
  })

  test('gets answers with an odd status, and headers given twice', async () => {
    const url = await serve((request, response) => {
      request.resume().on('end', () => response.writeHead(204, { 'x-twice': ['a', 'b'] }).end())
    })
    let twice: string | null = null
    const outcomes = await carrier.send(
      sdk(async (_handoff, _options, fetch) => {
        twice = (await fetch(url, { method: 'POST', body: '{}' })).headers.get('x-twice')
      }),
      handoff([ann]),
      null,
    )
    assert.equal(twice, 'a, b')
    assert.equal(inWords(outcomes.get(ann)), 'accepted 204 ')
  })
})

describe('what an error means', () => {
  const failure = (code: string) => Object.assign(new Error(code), { code })
  const cases: [string, string][] = [
    ['ECONNREFUSED', 'deferred/provider'],
    ['ENOTFOUND', 'deferred/provider'],
    ['EHOSTUNREACH', 'deferred/provider'],
    ['UND_ERR_CONNECT_TIMEOUT', 'deferred/provider'],
    ['CERT_HAS_EXPIRED', 'deferred/provider'],
    ['ECONNRESET', 'deferred/provider'],
    ['EAI_AGAIN', 'deferred/network'],
    ['ENETUNREACH', 'deferred/network'],
    ['EMFILE', 'deferred/network'],
    ['UND_ERR_INVALID_ARG', 'rejected/account'],
  ]
  for (const [code, before] of cases) {
    test(`${code} is ${before} before the request left, and unknown after`, () => {
      assert.equal(inWords(unanswered(failure(code), false)), before)
      assert.equal(inWords(unanswered(failure(code), true)), 'unknown')
    })
  }

  test('the code is found behind wrappers', () => {
    assert.equal(errorCode(new TypeError('fetch failed', { cause: failure('ECONNREFUSED') })), 'ECONNREFUSED')
    assert.equal(errorCode(new AggregateError([failure('ENETUNREACH'), failure('ECONNREFUSED')])), 'ENETUNREACH')
    assert.equal(errorCode(new RangeError('x')), 'RangeError')
    assert.equal(errorCode('x'), 'ERROR')
  })
})
