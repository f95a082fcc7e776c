import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { httpCarrier } from '../../src/send/http.ts'
import { fitting, handoff, inWords, letter } from './fixture.ts'
import sendpulse from './sendpulse.ts'

const { adapter } = sendpulse
const way = adapter.send
const ann = 'ann@example.com'

async function open(t: { after(end: () => Promise<void>): void }) {
  const carrier = httpCarrier()
  const vendor = await sendpulse.vendor()
  t.after(async () => {
    await carrier.close()
    await vendor.close()
  })
  const options = adapter.options.parse(sendpulse.options(vendor.url))
  assert.equal(way.kind, 'sdk')
  const send = async (what = handoff([ann], fitting(sendpulse)), given = options) =>
    inWords((await carrier.send(way as Extract<typeof way, { kind: 'sdk' }>, what, given)).get(ann))
  return { vendor, options, send }
}

test('sendpulse sends many mails by one token, and by a new one when that was refused', async (t) => {
  const { vendor, send } = await open(t)
  await Promise.all(Array.from({ length: 5 }, () => send()))
  assert.deepEqual([vendor.given, vendor.taken.length], [1, 5])
  vendor.tokens.clear()
  // Nothing is tried twice in one call: the queue does that.
  assert.equal(await send(), 'rejected/account')
  assert.match(await send(), /^accepted /)
  assert.deepEqual([vendor.given, vendor.taken.length], [2, 6])
})

test('sendpulse sends nothing without a token', async (t) => {
  const { vendor, options, send } = await open(t)
  assert.equal(await send(undefined, { ...options, clientSecret: 'another one' }), 'rejected/account')
  assert.equal(vendor.calls, 0)
  let reset = true
  const desk = createServer((request, response) => {
    if (reset) return request.socket.resetAndDestroy()
    response.writeHead(200).end('<html>Welcome</html>')
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => desk.once('listening', listening))
  t.after(async () => void desk.close())
  const elsewhere = { ...options, baseUrl: `http://127.0.0.1:${(desk.address() as AddressInfo).port}` }
  assert.equal(await send(undefined, elsewhere), 'deferred/provider')
  reset = false
  assert.equal(await send(undefined, elsewhere), 'deferred/provider')
  desk.closeAllConnections()
})

test('sendpulse gets a body of each kind, and keeps files of one name apart', async (t) => {
  const { vendor, send } = await open(t)
  const [file] = letter.attachments
  const { html: _, ...plain } = letter
  const attachments = [file!, file!, { ...file!, filename: 'bare' }, { ...file!, filename: 'bare' }]
  await send(handoff([ann], { form: 'parts', parts: { ...plain, text: 'a < b & c', attachments } }))
  const { html, text, attachments_binary } = vendor.taken.at(-1)!.fields
  assert.deepEqual([html, text], ['<div style="white-space: pre-wrap">a &lt; b &amp; c</div>', 'a < b & c'])
  assert.deepEqual(Object.keys(attachments_binary as object), ['räport.pdf', 'räport (2).pdf', 'bare', 'bare (2)'])
  const { text: __, ...rich } = letter
  await send(handoff([ann], { form: 'parts', parts: { ...rich, attachments: [] } }))
  const taken = vendor.taken.at(-1)!.fields
  assert.deepEqual([taken.html, taken.text, taken.auto_plain_text], [letter.html, ' ', true])
})

async function all<One>(listed: AsyncIterable<One>): Promise<One[]> {
  const found: One[] = []
  for await (const one of listed) found.push(one)
  return found
}

test('sendpulse lists whom it mails no more, all pages of it', async (t) => {
  const { vendor, options } = await open(t)
  const found = await all(adapter.suppressions!(options, fetch))
  assert.equal(found.length, 150)
  assert.equal(new Set(found.map(({ email }) => email)).size, 150)
  assert.deepEqual(found.slice(0, 3), [
    { email: 'left-0@example.com', reason: 'unsubscribe', at: Date.UTC(2026, 10, 20, 10, 30) },
    { email: 'left-1@example.com', reason: 'manual', at: Date.UTC(2026, 10, 20, 10, 30) },
    { email: 'left-2@example.com', reason: 'complaint', at: Date.UTC(2026, 10, 20, 10, 30) },
  ])
  vendor.next({ reply: { status: 403, body: '{"message":"Your tariff does not allow it","error_code":403}' } })
  await assert.rejects(all(adapter.suppressions!(options, fetch)), /the vendor answered 403/)
})
