import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpCarrier } from '../../src/send/http.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import { handoff, inWords } from './fixture.ts'
import postmark from './postmark.ts'

const at = Date.UTC(2019, 11, 17, 13, 58, 33)

suppressionChecks(postmark, [
  { email: 'leaver@example.com', reason: 'unsubscribe', at },
  { email: 'ours@example.com', reason: 'manual', at },
  { email: 'gone@example.com', reason: 'bounce', at },
  { email: 'cross@example.com', reason: 'complaint', at },
])

test('postmark takes any number of milliseconds for its time', async (t) => {
  const carrier = httpCarrier()
  const vendor = await postmark.vendor()
  t.after(() => Promise.all([carrier.close(), vendor.close()]))
  const options = postmark.adapter.options.parse(postmark.options(vendor.url))
  const { send } = postmark.adapter
  assert.ok(send.kind === 'sdk')
  // Its SDK wants seconds: these, and a minute more, were numbers between two milliseconds.
  for (const timeout of [2_026, 2_099]) {
    const outcomes = await carrier.send(send, { ...handoff(['ann@example.com']), timeout }, options)
    assert.match(inWords(outcomes.get('ann@example.com')), /^accepted/)
  }
})
