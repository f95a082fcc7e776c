import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromTopic, topicAnswer, topicMessage } from '../../src/mail/sns.ts'
import { hookTime, jsonCall } from '../adapters/fixture.ts'
import { subscriptionCall, type TopicVendor, topicCall, topicHooks } from '../support/topics.ts'

const vendor: TopicVendor = {
  arn: 'arn:test:sns:mail',
  certificateUrl: 'https://topics.example.com/key.pem',
  subscribeUrl: 'https://topics.example.com/?Action=ConfirmSubscription',
}
const topics = {
  arns: [vendor.arn],
  certificateAt: (url: URL) => url.host === 'topics.example.com',
  confirmedAt: (url: URL) => url.host === 'topics.example.com',
}
const fetch = topicHooks(vendor).fetch!

test('believes both versions of the signature, with a subject and without', async () => {
  for (const SignatureVersion of ['1', '2']) {
    for (const subject of [{}, { Subject: 'Amazon SES Email Event Notification' }]) {
      const call = topicCall(vendor, { a: 1 }, { SignatureVersion, ...subject })
      assert.equal(await fromTopic(call, topics, fetch), true)
    }
  }
})

test('believes what is told again within the hour', async () => {
  const call = topicCall(vendor, {})
  assert.equal(await fromTopic({ ...call, at: hookTime + 50 * 60_000 }, topics, fetch), true)
  assert.equal(await fromTopic({ ...call, at: hookTime + 60 * 60_000 }, topics, fetch), false)
})

test('believes nothing where the certificate cannot be had, or is none', async () => {
  const pem = await (await fetch(vendor.certificateUrl)).text()
  const answers = [
    () => Promise.reject(new TypeError('no answer came')),
    async () => new Response('no such key', { status: 404 }),
    async () => new Response(''),
    async () => new Response('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'),
    async () => new Response(pem.slice(0, 400)),
    async () => new Response(pem.replace(/A/g, 'B')),
  ]
  for (const answer of answers) assert.equal(await fromTopic(topicCall(vendor, {}), topics, answer), false)
})

test('asks for a certificate once, and again when it could not be had', async () => {
  let asked = 0
  const asking = async (url: string | URL | Request) => {
    if (++asked === 1) throw new TypeError('no answer came')
    return fetch(url)
  }
  const call = topicCall(vendor, {})
  assert.deepEqual([await fromTopic(call, topics, asking), await fromTopic(call, topics, asking)], [false, true])
  assert.equal(await fromTopic(call, topics, asking), true)
  assert.equal(asked, 2)
})

test('confirms a subscription where the vendor itself confirms it, and nowhere else', async () => {
  const visited: string[] = []
  const visit = (status: number) => async (url: unknown) => {
    visited.push(String(url))
    return new Response('', { status })
  }
  const call = subscriptionCall(vendor)
  assert.equal(await fromTopic(call, topics, fetch), true)
  assert.deepEqual(await topicAnswer(call, topics, visit(200)), { status: 200 })
  assert.deepEqual(visited, [vendor.subscribeUrl])
  assert.equal((await topicAnswer(call, topics, visit(500)))?.status, 502)
  assert.equal((await topicAnswer(call, topics, () => Promise.reject(new TypeError('gone'))))?.status, 502)
  const elsewhere = subscriptionCall(vendor, { SubscribeURL: 'https://topics.example.com.evil.example/' })
  assert.equal((await topicAnswer(elsewhere, topics, visit(200)))?.status, 400)
  assert.equal(visited.length, 2)
})

test('answers the end of a subscription, and leaves what brings events', async () => {
  const ended = subscriptionCall(vendor, { Type: 'UnsubscribeConfirmation' })
  assert.equal(await fromTopic(ended, topics, fetch), true)
  assert.deepEqual(await topicAnswer(ended, topics, fetch), { status: 200 })
  assert.equal(await topicAnswer(topicCall(vendor, {}), topics, fetch), null)
})

test('reads what is within', () => {
  assert.deepEqual(topicMessage(topicCall(vendor, { a: 1 })).message, { a: 1 })
  assert.equal(topicMessage(topicCall(vendor, 'Successfully validated')).message, null)
  assert.throws(() => topicMessage(jsonCall([{}, {}])), /not the call of a topic/)
})
