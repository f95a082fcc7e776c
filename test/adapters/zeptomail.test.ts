import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { handoff, hookTime, jsonCall } from './fixture.ts'
import zeptomail from './zeptomail.ts'

const options = (more: object) => zeptomail.adapter.options.parse({ token: 'a-token', ...more })

test('is where its region is, under one prefix of the token', async () => {
  const way = zeptomail.adapter.send as HttpExchange<unknown>
  for (const [given, url] of [
    [{}, 'https://api.zeptomail.com/v1.1/email'],
    [{ region: 'com.au', token: 'Zoho-enczapikey a-token' }, 'https://api.zeptomail.com.au/v1.1/email'],
  ] as const) {
    const asked = await way.request(handoff(), options(given))
    assert.equal(asked.url, url)
    assert.equal(asked.headers.authorization, 'Zoho-enczapikey a-token')
  }
  assert.throws(() => options({ region: 'eu', baseUrl: 'https://api.example.com' }), /region does nothing/)
})

test('takes a signature over the time and the body too', async () => {
  const ts = String(hookTime)
  const body = '{"event_name":["softbounce"]}'
  const signature = createHmac('sha256', 'a-key')
    .update(ts + body)
    .digest('base64')
  const call = jsonCall(body, { 'producer-signature': `ts=${ts};s=${signature};s-algorithm=HmacSHA256` })
  const hook = zeptomail.adapter.webhook!
  assert.equal(await hook.verify(call, options({ webhookSecret: 'a-key' }), fetch), true)
  assert.equal(await hook.verify(call, options({}), fetch), false)
})
