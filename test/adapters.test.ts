/** Every vendor, over real sockets, against a fake that refuses what the vendor refuses: what we say to it, and how we read it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { HttpExchange, SdkCall } from '../src/mail/adapter.ts'
import { type HttpCarrier, httpCarrier } from '../src/send/http.ts'
import { handoff, inWords, letter, type VendorData } from './adapters/fixture.ts'
import mailgun from './adapters/mailgun.ts'
import { matrixInReadme } from './adapters/matrix.ts'
import postmark from './adapters/postmark.ts'
import resend from './adapters/resend.ts'
import sendgrid from './adapters/sendgrid.ts'
import type { Behaviour, FakeVendor } from './support/fake-vendors/vendor.ts'

const ann = 'ann@example.com'
const bob = 'bob@example.com'

for (const data of [sendgrid, postmark, mailgun, resend] as VendorData[]) {
  describe(data.adapter.name, () => {
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
    const way = data.adapter.send as HttpExchange<unknown> | SdkCall<unknown>
    const options = (url = vendor.url) => data.adapter.options.parse(data.options(url))
    const send = (what = handoff(), url?: string) => carrier.send(way, what, options(url))

    test('carries a letter whole, under our id and Message-ID', async () => {
      const outcomes = await send()
      const taken = vendor.taken.at(-1)
      assert.ok(taken, `not taken: ${JSON.stringify([...outcomes])}`)
      data.faithful(taken)
      const accepted = `accepted ${taken.id}`
      assert.deepEqual(
        [...outcomes].map(([email, outcome]) => [email, inWords(outcome)]),
        [
          [ann, accepted],
          [bob, accepted],
        ],
      )
    })

    test('carries the barest letter', async () => {
      const parts = { ...letter, subject: '', text: '', cc: [], replyTo: [], headers: [], attachments: [] }
      delete (parts as { html?: string }).html
      const outcomes = await send(handoff([ann], { form: 'parts', parts }))
      assert.match(inWords(outcomes.get(ann)), /^accepted /)
      assert.deepEqual(vendor.taken.at(-1)?.recipients, [ann])
    })

    test('tells only those of this call, and a bcc as bcc', async () => {
      await send(handoff([bob]))
      assert.deepEqual(vendor.taken.at(-1)?.recipients, [bob])
      assert.doesNotMatch(vendor.taken.at(-1)!.asked.body.toString(), /ann@example\.com/)
      await send(handoff([ann, 'hidden@example.com']))
      assert.deepEqual(vendor.taken.at(-1)?.recipients, [ann, 'hidden@example.com'])
      const { fields } = vendor.taken.at(-1)!
      const bcc = JSON.stringify(fields.bcc ?? fields.Bcc ?? (fields.personalizations as { bcc: unknown }[])?.[0]?.bcc)
      assert.match(bcc, /hidden@example\.com/)
    })

    test('a recipient that the vendor itself refuses touches nobody else', async () => {
      const parts = { ...letter, to: [...letter.to, { email: 'bad@example.com' }] }
      const before = vendor.taken.length
      const outcomes = await send(handoff([ann, 'bad@example.com', bob], { form: 'parts', parts }))
      assert.equal(vendor.taken.length, before)
      assert.equal(inWords(outcomes.get(ann)), 'deferred/message 0')
      assert.equal(inWords(outcomes.get(bob)), 'deferred/message 0')
      assert.match(inWords(outcomes.get('bad@example.com')), /^(rejected\/recipient|deferred\/message 0)$/)
      const alone = await send(handoff(['bad@example.com'], { form: 'parts', parts }))
      assert.equal(inWords(alone.get('bad@example.com')), 'rejected/recipient')
    })

    for (const { says, status, headers, body, ...expected } of data.cases) {
      test(`reads ${says}`, async () => {
        const reply = { status, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) }
        vendor.next({ reply }, { reply })
        const outcomes = await send()
        assert.equal(inWords(outcomes.get(ann)), expected.ann ?? expected.all)
        assert.equal(inWords(outcomes.get(bob)), expected.bob ?? expected.all)
        const alone = await send(handoff([ann]))
        assert.equal(inWords(alone.get(ann)), expected.lone ?? expected.ann ?? expected.all)
      })
    }

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
        assert.equal(inWords(outcomes.get(ann)), expected)
        assert.equal(inWords(outcomes.get(bob)), expected)
        assert.ok(!JSON.stringify([...outcomes]).includes(data.secret), 'a secret in a diagnostic')
      })
    }

    for (const wrong of [{ hang: true }, { drip: true }] as Behaviour[]) {
      test(`gives up on ${Object.keys(wrong)[0]} at the deadline`, async () => {
        vendor.next({ ...wrong, taken: true })
        const outcomes = await send(handoff([ann, bob], { form: 'parts', parts: letter }, 400))
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
      vendor.next({ reset: 100_000 })
      const outcomes = await send(handoff([ann], { form: 'parts', parts: { ...letter, attachments: [attachment] } }))
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
            assert.deepEqual([...outcomes.keys()], [ann, bob])
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
  })
}

describe('what a vendor kept', () => {
  for (const data of [postmark, mailgun]) {
    test(`${data.adapter.name} tells what became of an answer that was lost`, async () => {
      const carrier = httpCarrier()
      const vendor = await data.vendor()
      const options = data.adapter.options.parse(data.options(vendor.url))
      const asked = handoff()
      assert.equal(await carrier.reconcile(data.adapter, asked, options), 'absent')
      vendor.next({ reset: 'after-body', taken: true })
      const lost = await carrier.send(data.adapter.send as SdkCall<unknown>, asked, options)
      assert.equal(inWords(lost.get(ann)), 'unknown')
      const found = await carrier.reconcile(data.adapter, asked, options)
      assert.ok(found instanceof Map)
      assert.equal(inWords(found.get(bob)), `accepted ${vendor.taken[0]!.id}`)
      vendor.next({ reply: { status: 500, body: 'oops' } })
      assert.equal(await carrier.reconcile(data.adapter, asked, options), null)
      await carrier.close()
      await vendor.close()
    })
  }
})

test('mailgun sends raw mail as it came, to its envelope', async () => {
  const carrier = httpCarrier()
  const vendor = await mailgun.vendor()
  const raw = Buffer.from('Message-ID: <raw@example.com>\r\nSubject: raw\r\nTo: list@example.com\r\n\r\nas it came\r\n')
  const content = { form: 'raw' as const, size: raw.length, bytes: async () => raw, async *stream() {} }
  const outcomes = await carrier.send(
    mailgun.adapter.send as SdkCall<unknown>,
    handoff([ann], content),
    mailgun.options(vendor.url),
  )
  assert.equal(inWords(outcomes.get(ann)), 'accepted raw@example.com')
  assert.deepEqual(vendor.taken[0]?.recipients, [ann])
  assert.deepEqual(vendor.taken[0]?.fields.raw, raw)
  await carrier.close()
  await vendor.close()
})

test('resend answers a repeated call with the first mail', async () => {
  const carrier = httpCarrier()
  const vendor = await resend.vendor()
  const way = resend.adapter.send as HttpExchange<unknown>
  const options = resend.adapter.options.parse(resend.options(vendor.url))
  const asked = handoff()
  vendor.next({ reset: 'after-body', taken: true })
  assert.equal(inWords((await carrier.send(way, asked, options)).get(ann)), 'unknown')
  const again = await carrier.send(way, asked, options)
  assert.equal(inWords(again.get(ann)), `accepted ${vendor.taken[0]!.id}`)
  assert.equal(vendor.taken.length, 1)
  await carrier.close()
  await vendor.close()
})

test('sendgrid does not let a mail speak for another account by its headers', async () => {
  const carrier = httpCarrier()
  const vendor = await sendgrid.vendor()
  const parts = {
    ...letter,
    headers: [
      ['On-Behalf-Of', 'other'],
      ['Authorization', 'Bearer SG.other'],
    ] as [string, string][],
  }
  const options = sendgrid.adapter.options.parse(sendgrid.options(vendor.url))
  await carrier.send(sendgrid.adapter.send as SdkCall<unknown>, handoff([ann], { form: 'parts', parts }), options)
  assert.equal(vendor.taken[0]?.asked.headers['on-behalf-of'], undefined)
  await carrier.close()
  await vendor.close()
})

test('the matrix in adapters/README.md is what the adapters say (node test/adapters/matrix.ts writes it)', async () => {
  const { is, should } = await matrixInReadme()
  assert.equal(is, should)
})
