/** What is asked of every vendor called over HTTP, over real sockets, before a desk that refuses what the vendor refuses. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { type Content, type HttpExchange, type SdkCall, withTags } from '../../../src/mail/adapter.ts'
import { type HttpCarrier, httpCarrier } from '../../../src/send/http.ts'
import {
  asTaken,
  everyVendor,
  fitting,
  handoff as handoffTo,
  inWords,
  letter,
  type VendorData,
} from '../../adapters/fixture.ts'
import type { Behaviour, FakeVendor } from '../fake-vendors/vendor.ts'

const ann = 'ann@example.com'
const bob = 'bob@example.com'

/** Adds the tests of one vendor's way out. */
export function sendingChecks(data: VendorData): void {
  let carrier: HttpCarrier
  let vendor: FakeVendor
  before(async () => {
    carrier = httpCarrier()
    vendor = await data.vendor()
  })
  after(async () => {
    await carrier.close()
    await vendor.close()
  })
  const people = data.people ?? [ann, bob]
  const both = people.length === 2
  const whole = fitting(data)
  const { parts: fits } = whole as Extract<Content, { form: 'parts' }>
  const handoff = (emails = people, content: Content = whole, timeout?: number) => handoffTo(emails, content, timeout)
  const way = data.adapter.send as HttpExchange<unknown> | SdkCall<unknown>
  const options = (url = vendor.url) => data.adapter.options.parse(data.options(url))
  const send = async (what = handoff(), url?: string) => carrier.send(way, await asTaken(data, what), options(url))

  test('carries a letter whole, under our id and Message-ID', async () => {
    const outcomes = await send()
    const taken = vendor.taken.at(-1)
    assert.ok(taken, `not taken: ${JSON.stringify([...outcomes])}`)
    data.faithful(taken)
    assert.deepEqual(
      [...outcomes].map(([email, outcome]) => [email, inWords(outcome)]),
      people.map((email) => [email, `accepted ${taken.ids?.[email] ?? taken.id}`]),
    )
  })

  test('carries the barest letter', async () => {
    const parts = { ...fits, subject: '', text: '', cc: [], replyTo: [], headers: [], attachments: [] }
    delete (parts as { html?: string }).html
    const outcomes = await send(handoff([ann], { form: 'parts', parts }))
    assert.match(inWords(outcomes.get(ann)), /^accepted /)
    assert.deepEqual(vendor.taken.at(-1)?.recipients, [ann])
  })

  test('carries a large letter', async () => {
    const size = Math.min(Math.floor(data.adapter.features.maxBytes * 0.7), 3_000_000)
    const file = { ...letter.attachments[0]!, content: Buffer.alloc(Math.floor(size * 0.75), 'x').toString('base64') }
    const large = data.adapter.features.attachments
      ? { ...fits, attachments: [file] }
      : { ...fits, html: `<p>${'x'.repeat(size)}</p>` }
    const outcomes = await send(handoff([ann], { form: 'parts', parts: large }))
    assert.match(inWords(outcomes.get(ann)), /^accepted /)
    assert.ok(vendor.taken.at(-1)!.asked.body.length >= size * 0.75)
  })

  test('carries as many tags as it takes, and the mail without the rest', async () => {
    const many = handoff([ann])
    const tags = Array.from({ length: 60 }, (_, at) => `tag-${at}`)
    many.message = withTags({ ...many.message, tags }, data.adapter.features)
    assert.match(inWords((await send(many)).get(ann)), /^accepted /)
  })

  test('tells only those of this call', async () => {
    await send(handoff([bob]))
    assert.deepEqual(vendor.taken.at(-1)?.recipients, [bob])
    assert.doesNotMatch(vendor.taken.at(-1)!.asked.body.toString(), /ann@example\.com/)
  })

  if (both) {
    test('hides a bcc', async () => {
      await send(handoff([ann, 'hidden@example.com']))
      assert.deepEqual(vendor.taken.at(-1)?.recipients, [ann, 'hidden@example.com'])
      assert.deepEqual(vendor.taken.at(-1)?.hidden, ['hidden@example.com'])
    })
  }

  test('a recipient that the vendor itself refuses touches nobody else', async () => {
    if (data.silent?.recipient !== undefined) return
    const parts = { ...fits, to: [...letter.to, { email: 'bad@example.com' }] }
    if (both) {
      const before = vendor.taken.length
      const outcomes = await send(handoff([ann, 'bad@example.com', bob], { form: 'parts', parts }))
      const taken = vendor.taken.slice(before).flatMap(({ recipients }) => recipients)
      for (const email of people) {
        const outcome = inWords(outcomes.get(email))
        if (taken.includes(email)) assert.match(outcome, /^accepted /)
        else assert.equal(outcome, 'deferred/message 0')
      }
      assert.ok(!taken.includes('bad@example.com'))
      assert.match(inWords(outcomes.get('bad@example.com')), /^(rejected\/recipient|deferred\/message 0)$/)
    }
    const alone = await send(handoff(['bad@example.com'], { form: 'parts', parts }))
    assert.match(inWords(alone.get('bad@example.com')), /^rejected\/recipient( 5\.7\.1)?$/)
  })

  for (const { says, status, headers, body, ...expected } of data.cases) {
    test(`reads ${says}`, async () => {
      const reply = { status, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) }
      vendor.next({ reply }, { reply })
      const outcomes = await send()
      assert.equal(inWords(outcomes.get(ann)), expected.ann ?? expected.all)
      if (both) assert.equal(inWords(outcomes.get(bob)), expected.bob ?? expected.all)
      const alone = await send(handoff([ann]))
      assert.equal(inWords(alone.get(ann)), expected.lone ?? expected.ann ?? expected.all)
    })
  }

  test('has an answer for each of what every vendor is asked, and takes it for what it is', () => {
    const fault = {
      throttled: /^deferred\/provider/,
      credential: /^rejected\/account/,
      credit: /^(rejected|deferred)\/account/,
      recipient: /^rejected\/recipient/,
      identity: /^rejected\/identity/,
    }
    for (const about of everyVendor) {
      const found = data.cases.filter((one) => one.about === about)
      assert.notEqual(found.length > 0, data.silent?.[about] !== undefined, about)
      for (const one of found) {
        const means = [one.lone ?? one.all, one.ann, one.bob].filter((word) => word !== undefined)
        assert.ok(
          means.some((word) => fault[about].test(word)),
          `${one.says} is ${means}, which is not for ${about}`,
        )
      }
    }
  })

  const html = { 'content-type': 'text/html' }
  const faults: [string, Behaviour, string][] = [
    [
      '200 with a page',
      { reply: { status: 200, headers: html, body: '<html>Welcome</html>' }, taken: true },
      'unknown',
    ],
    ['200 with nothing', { reply: { status: 200 }, taken: true }, 'unknown'],
    ['200 with JSON cut off', { reply: { status: 200, body: '{"id": "abc", "Mess' } }, 'unknown'],
    ['200 with a list', { reply: { status: 200, body: '[{"id":"abc"}]' } }, 'unknown'],
    ['200 and 10 MB', { reply: { status: 200, body: `{"id":"${'x'.repeat(10_000_000)}"}` } }, 'unknown'],
    ['401 and 10 MB', { reply: { status: 401, body: 'x'.repeat(10_000_000) } }, 'rejected/account'],
    ['500 with a page', { reply: { status: 500, headers: html, body: '<h1>Oops</h1>' } }, 'unknown'],
    ['502 with a page', { reply: { status: 502, headers: html, body: '<h1>Bad gateway</h1>' } }, 'unknown'],
    ['504 with nothing', { reply: { status: 504 } }, 'unknown'],
    [
      '503 with a page and Retry-After',
      { reply: { status: 503, headers: { 'retry-after': '5' }, body: 'x' } },
      'deferred/provider 5000',
    ],
    [
      '429 with ten years',
      { reply: { status: 429, headers: { 'retry-after': '315360000' } } },
      'deferred/provider 3600000',
    ],
    ['429 with garbage', { reply: { status: 429, headers: { 'retry-after': 'soon' } } }, 'deferred/provider'],
    ['403 with a page', { reply: { status: 403, headers: html, body: '<h1>No</h1>' } }, 'rejected/account'],
    ['a reset after the body', { reset: 'after-body', taken: true }, 'unknown'],
    ['a reset within the answer', { reset: 'mid-answer', taken: true }, 'unknown'],
  ]
  for (const [name, wrong, expected] of faults) {
    test(`survives ${name}`, async () => {
      vendor.next(wrong)
      const outcomes = await send()
      for (const email of people) assert.equal(inWords(outcomes.get(email)), expected)
      assert.ok(!JSON.stringify([...outcomes]).includes(data.secret), 'a secret in a diagnostic')
    })
  }

  for (const wrong of [{ hang: true }, { drip: true }] as Behaviour[]) {
    test(`gives up on ${Object.keys(wrong)[0]} at the deadline`, async () => {
      vendor.next({ ...wrong, taken: true })
      const outcomes = await send(handoff(people, whole, 400))
      assert.equal(inWords(outcomes.get(ann)), 'unknown')
    })
  }

  test('a refused connection sent nothing', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`
    gone.close()
    await once(gone, 'close')
    const outcomes = await send(handoff(), url)
    assert.equal(inWords(outcomes.get(ann)), 'deferred/provider')
  })

  // Larger than what two sockets' buffers hold, so that not all of it can have left before the reset.
  test('a body cut short sent nothing', async () => {
    const attachment = { ...letter.attachments[0]!, content: 'A'.repeat(20_000_000) }
    const big = data.adapter.features.attachments
      ? { ...fits, attachments: [attachment] }
      : { ...fits, html: attachment.content }
    vendor.next({ reset: 100_000 })
    const outcomes = await send(handoff([ann], { form: 'parts', parts: big }))
    assert.equal(inWords(outcomes.get(ann)), 'deferred/provider')
  })

  for (const status of [301, 302, 307, 308]) {
    test(`does not follow a ${status}`, async () => {
      let seen = 0
      const elsewhere = createServer((_, response) => {
        seen++
        response.end('{"id":"stolen"}')
      }).listen(0, '127.0.0.1')
      await once(elsewhere, 'listening')
      const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
      vendor.next({ reply: { status, headers: { location } } })
      const outcomes = await send()
      elsewhere.closeAllConnections()
      elsewhere.close()
      assert.equal(inWords(outcomes.get(ann)), 'rejected/account')
      assert.equal(seen, 0)
    })
  }

  test('takes a path in front of the API in baseUrl', async () => {
    let path = ''
    const proxy = createServer((request, response) => {
      path = request.url ?? ''
      response.writeHead(401).end()
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    await send(handoff(), `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/in/front/`)
    proxy.closeAllConnections()
    proxy.close()
    assert.match(path, /^\/in\/front\/[a-z0-9]/)
  })

  test('shows no secret that a vendor or a proxy says back', async () => {
    for (const status of [400, 401, 500]) {
      vendor.next({ reply: { status, body: `You said ${data.secret}` } })
      assert.doesNotMatch(JSON.stringify([...(await send())]), new RegExp(data.secret))
    }
  })

  test('answers for everyone, whatever is said, and takes no failure for success', () => {
    const asked = handoff()
    const field = fc.constantFrom('errors', 'message', 'field', 'ErrorCode', 'Message', 'MessageID', 'id', 'name')
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(field, fc.jsonValue()).map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        body,
        fc.dictionary(fc.string(), fc.string()),
        (status, body, headers) => {
          const outcomes = way.outcomes(asked, { status, headers, body }, options())
          assert.deepEqual([...outcomes.keys()].sort(), [...people].sort())
          if (status >= 300) for (const outcome of outcomes.values()) assert.notEqual(outcome.kind, 'accepted')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('refuses options it does not know, and describes those it does', () => {
    const given = data.options('https://api.example.com') as object
    assert.equal(data.adapter.options.safeParse({ ...given, apikey: 'x' }).success, false)
    assert.equal(data.adapter.options.safeParse({ baseUrl: 'ftp://x' }).success, false)
  })
}
