import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { rawHandoff } from '../support/handoff.ts'
import postal, { postalCall, postalKey, postalPem } from './postal.ts'

test('postal’s calls are checked by its key in any of its forms, by SHA-256 or as older versions sign', async () => {
  const { webhook, options } = postal.adapter
  for (const webhookSecret of [postalKey, postalPem, postalPem.replace(/-----[^-]+-----|\n/g, '')]) {
    const parsed = options.parse({ apiKey: 'x', baseUrl: 'https://postal.example.com', webhookSecret })
    for (const hash of ['sha256', 'sha1'] as const) {
      assert.equal(await webhook!.verify(postalCall({ event: 'MessageSent' }, hash), parsed, fetch), true)
    }
  }
  const wrong = options.parse({ apiKey: 'x', baseUrl: 'https://postal.example.com', webhookSecret: 'no key at all' })
  assert.equal(await webhook!.verify(postalCall({}), wrong, fetch), false)
})

test('postal takes mail as it came', async () => {
  const options = postal.adapter.options.parse(postal.options('https://postal.example.com'))
  const { request } = postal.adapter.send as HttpExchange<unknown>
  const handoff = rawHandoff({ message: { returnPath: 'back@example.com' } })
  const { body } = await request(handoff, options)
  const { data, ...envelope } = JSON.parse(String(body))
  assert.ok(handoff.content.form === 'raw')
  assert.deepEqual(Buffer.from(data, 'base64'), Buffer.from(await handoff.content.bytes()))
  assert.deepEqual(envelope, { mail_from: 'back@example.com', rcpt_to: ['bob@example.net'] })
})
