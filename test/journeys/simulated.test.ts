/** What a gateway did is what a simulation of its own config makes of the record; and a draft is tried on it, while it runs and after. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waypost as command } from '../cli/running.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { type FakeVendor, json } from '../support/fake-vendors/vendor.ts'
import { type Waypost, waypost } from '../support/waypost.ts'

let first: FakePostmark
let second: FakeVendor
let gateway: Waypost
let running = false
const messages = 200

before(async () => {
  first = await fakePostmark()
  second = await fakeSendgrid()
  gateway = await waypost(`
providers:
  first: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${first.url}", cost: { perThousand: 3 } }
  second: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${second.url}", cost: { perThousand: 1 } }
routes:
  - { name: codes, when: { type: otp }, use: { first: [second, first] } }
  - { name: tagged, when: { tag: b }, use: { split: { first: 70, second: 30, sticky: message } } }
  - { name: default, use: { first: [first, second] } }
`)
  running = true
  // One time in ten the first has a fault, and the mail goes on.
  let calls = 0
  first.depending(() => (++calls % 10 === 0 ? { reply: json(500, { ErrorCode: 500, Message: 'Internal' }) } : null))
  for (let number = 0; number < messages; number++) {
    const id = await gateway.send({
      from: 'ann@example.com',
      to: `person-${number}@example.org`,
      subject: 'Hello',
      text: 'Hi.',
      type: number % 4 === 0 ? 'otp' : 'transactional',
      tags: number % 2 === 0 ? [] : ['b'],
    })
    await gateway.until(id, 'sent')
  }
})
after(async () => {
  if (running) await gateway.stop()
  await Promise.all([first.close(), second.close()])
})

async function simulated(...more: string[]) {
  const draft = join(gateway.folder, 'draft.yaml')
  writeFileSync(draft, 'routes: [{ name: default, use: { first: [second, first] } }]\n')
  const config = join(gateway.folder, 'waypost.yaml')
  const { code, out, err } = await command(['simulate', '--policy', draft, '--config', config, '--json', ...more])
  assert.equal(code, 0, err)
  return JSON.parse(out)
}

test('the same share for each provider as it was, and what the draft changes', async () => {
  const asked = await simulated('--url', gateway.url)
  assert.equal(asked.traffic.messages, messages)
  assert.equal(asked.traffic.where, gateway.url)
  const happened = asked.happened.taken
  assert.equal(happened.first, first.taken.length)
  assert.equal(happened.second, second.taken.length)
  for (const name of ['first', 'second']) {
    const really = happened[name] / messages
    const { mean } = asked.present.providers[name].share
    assert.ok(Math.abs(mean - really) < 0.06, `${name}: ${mean} simulated, ${really} really`)
  }
  assert.equal(asked.draft.providers.second.share.mean, 1)
  assert.ok(asked.draft.all.cost.mean < asked.present.all.cost.mean)
  const basis = asked.bases.present.find(({ provider }: { provider: string }) => provider === 'first')
  assert.equal(basis.from, 'first')
  assert.ok(basis.between[0] < 0.1 && 0.1 < basis.between[1], String(basis.between))

  // The store is in use: without being told of the gateway, the command asks the one that is there by default.
  const config = join(gateway.folder, 'waypost.yaml')
  const draft = join(gateway.folder, 'draft.yaml')
  const inUse = await command(['simulate', '--policy', draft, '--config', config])
  assert.equal(inUse.code, 1)
  assert.match(inUse.err, /Nothing answers at http:\/\/127\.0\.0\.1:8025/)

  await gateway.stop()
  running = false
  const stopped = await simulated()
  assert.match(stopped.traffic.where, /waypost\.db$/)
  assert.deepEqual(stopped.present, asked.present)
  assert.deepEqual(stopped.draft, asked.draft)
})
