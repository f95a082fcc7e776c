import assert from 'node:assert/strict'
import { test } from 'node:test'
import Cloudflare from 'cloudflare'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import cloudflare, { accountId, apiToken } from './cloudflare-email.ts'
import { handoff, inWords, letter } from './fixture.ts'

const ann = 'ann@example.com'
const way = cloudflare.adapter.send as HttpExchange<unknown>

test('asks for parts what its own SDK asks', async (t) => {
  const vendor = await cloudflare.vendor()
  const carrier = httpCarrier()
  t.after(() => Promise.all([carrier.close(), vendor.close()]))
  const parts = { ...letter, replyTo: letter.replyTo.slice(0, 1) }
  const options = cloudflare.adapter.options.parse(cloudflare.options(vendor.url))
  await carrier.send(way, handoff([ann, 'bob@example.com'], { form: 'parts', parts }), options)
  const [pdf, logo] = letter.attachments
  await new Cloudflare({ apiToken, baseURL: vendor.url }).emailSending.send({
    account_id: accountId,
    from: { address: 'sender@example.com', name: 'Sender, Inc.' },
    to: [{ address: ann, name: 'Ann "A" Ärger' }],
    cc: [{ address: 'bob@example.com', name: 'Bob' }],
    reply_to: { address: 'help@example.com', name: 'Help' },
    subject: letter.subject,
    html: letter.html!,
    text: letter.text!,
    headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>' },
    attachments: [
      { content: pdf!.content, filename: 'räport.pdf', type: 'application/pdf', disposition: 'attachment' },
      { content: logo!.content, filename: 'logo.png', type: 'image/png', disposition: 'inline', content_id: 'logo' },
    ],
  })
  const [ours, theirs] = vendor.taken
  assert.ok(ours && theirs)
  assert.deepEqual(ours.fields, theirs.fields)
  assert.equal(ours.asked.path, theirs.asked.path)
})

test('sends raw mail as it came where it is UTF-8, and composed anew where it is not', async (t) => {
  const vendor = await cloudflare.vendor()
  const carrier = httpCarrier()
  t.after(() => Promise.all([carrier.close(), vendor.close()]))
  const options = cloudflare.adapter.options.parse(cloudflare.options(vendor.url))
  const head = 'From: sender@example.com\r\nSubject: raw\r\nContent-Type: text/plain; charset='
  const utf8 = Buffer.from(`${head}utf-8\r\nTo: list@example.com\r\n\r\nGrüße\r\n`)
  const latin1 = Buffer.from(`${head}iso-8859-1\r\nTo: list@example.com\r\n\r\nGrüße\r\n`, 'latin1')
  for (const raw of [utf8, latin1]) {
    const content = { form: 'raw' as const, size: raw.length, bytes: async () => raw, async *stream() {} }
    const outcomes = await carrier.send(way, handoff([ann], content), options)
    assert.match(inWords(outcomes.get(ann)), /^accepted /)
    assert.deepEqual(vendor.taken.at(-1)?.recipients, [ann])
  }
  const [first, second] = vendor.taken.map(({ fields }) => String(fields.mime_message))
  assert.equal(first, utf8.toString())
  assert.match(second!, /^To: list@example\.com\r$/m)
  assert.match(second!, /Gr=C3=BC=C3=9Fe/)
})

test('reads every page of the addresses that it mails no more, for longer than a day', async (t) => {
  const vendor = await cloudflare.vendor()
  t.after(() => vendor.close())
  const options = cloudflare.adapter.options.parse(cloudflare.options(vendor.url))
  const listed = []
  for await (const entry of cloudflare.adapter.suppressions!(options, fetch)) listed.push(entry)
  const at = Date.UTC(2026, 10, 25, 12)
  assert.deepEqual(listed, [
    { email: 'gone@example.com', reason: 'bounce', at },
    { email: 'angry@example.com', reason: 'complaint', at },
    { email: 'left@example.com', reason: 'manual', at },
    { email: 'ruled@example.com', reason: 'manual', at },
  ])
})

test('refuses headers that are not on its list', () => {
  const { headersRefused } = cloudflare.adapter.features
  const refused = (name: string) => headersRefused.some((rule) => (rule as RegExp).test(name))
  for (const name of ['x-order', 'list-unsubscribe', 'in-reply-to', 'keywords'])
    assert.equal(refused(name), false, name)
  for (const name of ['feedback-id', 'x-', 'list-x', 'disposition-notification-to'])
    assert.equal(refused(name), true, name)
})
