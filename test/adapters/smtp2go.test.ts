import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { UnreadableHook } from '../../src/mail/webhook.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import { fitting, handoff, hookTime, jsonCall } from './fixture.ts'
import smtp2go from './smtp2go.ts'

describe('smtp2go, asked', () => {
  reconcileChecks(smtp2go)

  // Without the domains.
  suppressionChecks(smtp2go, [
    { email: '1@example.com', reason: 'bounce', at: hookTime },
    { email: '2@example.com', reason: 'complaint', at: hookTime },
    { email: '3@example.com', reason: 'unsubscribe', at: hookTime },
    { email: '4@example.com', reason: 'manual', at: hookTime },
  ])

  test('has a host in each region', async () => {
    const way = smtp2go.adapter.send as HttpExchange<unknown>
    const asked = handoff(undefined, fitting(smtp2go))
    const url = async (more: object) => {
      const options = smtp2go.adapter.options.parse({ apiKey: 'a', ...more })
      return new URL((await way.request(asked, options)).url).host
    }
    assert.equal(await url({}), 'api.smtp2go.com')
    assert.equal(await url({ region: 'us' }), 'us-api.smtp2go.com')
    assert.equal(await url({ region: 'eu' }), 'eu-api.smtp2go.com')
    assert.equal(await url({ region: 'au' }), 'au-api.smtp2go.com')
    const both = { apiKey: 'a', region: 'eu', baseUrl: 'https://example.com' }
    assert.equal(smtp2go.adapter.options.safeParse(both).success, false)
  })

  test('reads no form that tells of no event', () => {
    assert.throws(() => smtp2go.adapter.webhook!.read(jsonCall('a=b'), { apiKey: 'a' }), UnreadableHook)
  })
})
