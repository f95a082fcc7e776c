import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HttpExchange } from '../../src/mail/adapter.ts'
import { reconcileChecks } from '../support/vendor-checks/questions.ts'
import { fitting, handoff, inWords, says } from './fixture.ts'
import mailjet from './mailjet.ts'

const way = mailjet.adapter.send as HttpExchange<unknown>
const base = { apiKey: 'a', secretKey: 'b' }
const asked = handoff(undefined, fitting(mailjet))

describe('mailjet, asked', () => {
  reconcileChecks(mailjet)

  test('has a host in each region, and takes one address', async () => {
    const url = async (more: object) =>
      (await way.request(asked, mailjet.adapter.options.parse({ ...base, ...more }))).url
    assert.equal(await url({}), 'https://api.mailjet.com/v3.1/send')
    assert.equal(await url({ region: 'us' }), 'https://api.us.mailjet.com/v3.1/send')
    assert.equal(await url({ baseUrl: 'http://127.0.0.1:1/x/' }), 'http://127.0.0.1:1/x/v3.1/send')
    assert.equal(
      mailjet.adapter.options.safeParse({ ...base, region: 'us', baseUrl: 'http://127.0.0.1' }).success,
      false,
    )
  })

  test('takes mail in the sandbox, where there are no ids', async () => {
    const options = mailjet.adapter.options.parse({ ...base, sandbox: true })
    assert.equal(JSON.parse(String((await way.request(asked, options)).body)).SandboxMode, true)
    const answer = { status: 200, ...says({ Messages: [{ Status: 'success', To: [{ Email: 'ann@example.com' }] }] }) }
    assert.equal(inWords(way.outcomes(asked, answer, options).get('bob@example.com')), 'accepted sandbox')
  })
})
