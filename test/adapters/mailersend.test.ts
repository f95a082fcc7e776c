import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import type { Webhook } from '../../src/mail/webhook.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import { handoff, hookTime, letter } from './fixture.ts'
import mailersend, { signed } from './mailersend.ts'

describe('mailersend, asked', () => {
  reconcileChecks(mailersend)

  suppressionChecks(mailersend, (all) => {
    assert.equal(all.length, 123)
    assert.deepEqual(
      all.slice(119).map(({ email, reason }) => [email, reason]),
      [
        ['bounce-119@example.com', 'bounce'],
        ['spam-0@example.com', 'complaint'],
        ['unsubscribe-0@example.com', 'unsubscribe'],
        ['blocked@example.com', 'manual'],
      ],
    )
    assert.ok(all.every(({ at }) => at === hookTime))
  })

  test('answers a mail in its thread by fields of its own', async () => {
    const headers: [string, string][] = [
      ['In-Reply-To', '<1@example.com>'],
      ['References', '<0@example.com> <1@example.com>'],
    ]
    const way = mailersend.adapter.send as HttpExchange<unknown>
    const asked = handoff(undefined, { form: 'parts', parts: { ...letter, headers } })
    const options = mailersend.adapter.options.parse({ apiKey: 'a' })
    const body = JSON.parse(String((await way.request(asked, options)).body))
    assert.equal(body.in_reply_to, '1@example.com')
    assert.deepEqual(body.references, ['0@example.com', '1@example.com'])
  })

  test('lets the call in that tries the address out, which tells nothing', async () => {
    const { verify, read } = mailersend.adapter.webhook as Webhook<unknown>
    const options = mailersend.adapter.options.parse({ apiKey: 'a', webhookSecret: 'b' })
    const call = signed({ type: 'webhook.test', message: 'Hi' }, 'test_Am3L1GuOIc4blLUuHqAPxxwkZaJyEk8G')
    assert.equal(await verify(call, options, fetch), true)
    assert.deepEqual(read(call, options), [])
  })
})
