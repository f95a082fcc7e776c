import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import { fitting, handoff, hookTime, inWords, letter, message } from './fixture.ts'
import mailtrap from './mailtrap.ts'

const way = mailtrap.adapter.send as HttpExchange<unknown>
const asked = handoff(undefined, fitting(mailtrap))

describe('mailtrap, asked', () => {
  reconcileChecks(mailtrap)

  suppressionChecks(mailtrap, (all) => {
    assert.deepEqual(
      all.map(({ email, reason }) => [email, reason]),
      [
        ['0@example.com', 'bounce'],
        ['1@example.com', 'complaint'],
        ['2@example.com', 'unsubscribe'],
        ['3@example.com', 'manual'],
        ['4@example.com', 'bounce'],
      ],
    )
    assert.ok(all.every(({ at }) => at === hookTime))
  })

  test('has a host for each stream, and one for the sandbox', async () => {
    const url = async (more: object) =>
      (await way.request(asked, mailtrap.adapter.options.parse({ apiKey: 'a', ...more }))).url
    assert.equal(await url({}), 'https://send.api.mailtrap.io/api/send')
    assert.equal(await url({ stream: 'bulk' }), 'https://bulk.api.mailtrap.io/api/send')
    assert.equal(await url({ sandboxInbox: 7 }), 'https://sandbox.api.mailtrap.io/api/send/7')
    for (const more of [{ baseUrl: 'https://example.com' }, { sandboxInbox: 7 }]) {
      assert.equal(mailtrap.adapter.options.safeParse({ apiKey: 'a', stream: 'bulk', ...more }).success, false)
    }
  })

  test('takes the one id of a sandbox for everyone', async (t) => {
    const carrier = httpCarrier()
    const vendor = await mailtrap.vendor()
    t.after(async () => {
      await carrier.close()
      await vendor.close()
    })
    const options = mailtrap.adapter.options.parse({ ...(mailtrap.options(vendor.url) as object), sandboxInbox: 7 })
    const outcomes = await carrier.send(way, asked, options)
    assert.equal(inWords(outcomes.get('bob@example.com')), `accepted ${vendor.taken[0]!.id}`)
    assert.equal(inWords(outcomes.get('ann@example.com')), `accepted ${vendor.taken[0]!.id}`)
  })

  test('sends one Reply-To as its own field, and the names of several in ASCII', async () => {
    const options = mailtrap.adapter.options.parse({ apiKey: 'a' })
    const body = async (replyTo: typeof letter.replyTo) => {
      const content = { form: 'parts' as const, parts: { ...letter, replyTo } }
      return JSON.parse(String((await way.request(handoff(undefined, content), options)).body))
    }
    const ärger = { email: 'a@example.com', name: 'Ärger' }
    assert.deepEqual((await body([ärger])).reply_to, ärger)
    const several = await body([ärger, { email: 'b@example.com', name: 'ä'.repeat(100) }])
    assert.equal(several.reply_to, undefined)
    assert.equal(several.headers['Reply-To'], '=?utf-8?B?w4RyZ2Vy?= <a@example.com>, b@example.com')
  })

  test('leaves out metadata that does not fit, and never our id', async () => {
    const metadata = { long: 'x'.repeat(2_000), order: '17' }
    const options = mailtrap.adapter.options.parse({ apiKey: 'a' })
    const request = await way.request({ ...asked, message: { ...message, metadata } }, options)
    assert.deepEqual(JSON.parse(String(request.body)).custom_variables, { order: '17', waypost: message.id })
  })
})
