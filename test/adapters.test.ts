/** Every adapter in the folder: what it says to its vendor, how it reads the answers, and what the vendor tells later. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Adapter, HttpExchange, SdkCall } from '../src/mail/adapter.ts'
import { httpCarrier } from '../src/send/http.ts'
import { type Fixture, handoff, inWords, letter } from './adapters/fixture.ts'
import mailgun from './adapters/mailgun.ts'
import { matrixInReadme } from './adapters/matrix.ts'
import postmark from './adapters/postmark.ts'
import resend from './adapters/resend.ts'
import sendgrid from './adapters/sendgrid.ts'
import { hookChecks } from './support/vendor-checks/hooks.ts'
import { openApiChecks } from './support/vendor-checks/openapi.ts'
import { sdkChecks } from './support/vendor-checks/sdk.ts'
import { sendingChecks } from './support/vendor-checks/sending.ts'
import { smtpChecks } from './support/vendor-checks/smtp.ts'

const ann = 'ann@example.com'
const bob = 'bob@example.com'

/** Those that are no vendor's way out: their carriers' own tests are theirs, and an exporter's is its journey. */
const noVendors = new Set(['direct', 'inbox', 'smtp', 'postmastery'])

for (const file of readdirSync(new URL('../adapters/', import.meta.url)).sort()) {
  const name = file.replace(/\.ts$/, '')
  if (!file.endsWith('.ts') || name === 'index' || noVendors.has(name)) continue
  const adapter = ((await import(`../adapters/${file}`)) as { default: Adapter }).default
  const fixture = ((await import(`./adapters/${file}`)) as { default: Fixture }).default
  describe(name, () => {
    test('is called as its file is, and its fixture is its own', () => {
      assert.equal(adapter.name, name)
      assert.equal(fixture.adapter, adapter)
    })
    if ('vendor' in fixture) {
      sendingChecks(fixture)
      openApiChecks(fixture)
      if (fixture.sdk) sdkChecks(fixture)
    }
    test('says how it sends: by a call, by SMTP or both', () => {
      assert.equal('vendor' in fixture, adapter.send.kind !== 'smtp')
      assert.equal(fixture.smtp !== undefined, adapter.send.kind === 'smtp' || adapter.smtp !== undefined)
    })
    if (fixture.smtp) smtpChecks(adapter.smtp ?? adapter, fixture.smtp)
    test('has a fixture for its events', () => assert.equal(fixture.hooks !== undefined, adapter.webhook !== undefined))
    if (fixture.hooks) hookChecks(adapter, fixture)
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
