/** What a type of mail is owed: by when it is taken and delivered, how often it is tried, when it is not sent, when it is given up. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { waypost as command } from '../cli/running.ts'
import { type FakePostmark, fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { type FakeVendor, json } from '../support/fake-vendors/vendor.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Code', text: '1234' }
const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`

let first: FakePostmark
let second: FakeVendor
before(async () => {
  first = await fakePostmark()
  second = await fakeResend()
})
beforeEach(() => {
  for (const vendor of [first, second]) {
    vendor.always(null)
    vendor.taken.length = 0
  }
})
after(() => Promise.all([first.close(), second.close()]))

const config = (types: string, use = '{ first: [first, second] }', more = '') => `
retry: { first: 100ms, max: 200ms }
providers:
  first: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${first.url}", timeout: 20s, breaker: { failures: 1000 } }
  second: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${second.url}", timeout: 2s, webhookSecret: ${secret} }
  inbox: { adapter: inbox }
routes:
  - { name: default, use: ${use} }
types: ${types}
${more}`

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
const events = (message: any, type: string): string[] =>
  message.events
    .filter((event: { type: string }) => event.type === type)
    .map((event: { detail: string }) => event.detail)
const metrics = async (gateway: Waypost) => (await gateway.get('/metrics')).body as string

/** Leaves a connection to the first open, so that what it is offered next is written at once, however short its time. */
async function connectFirst(gateway: Waypost): Promise<void> {
  await gateway.until(await gateway.send(mail), 'sent')
  assert.equal(first.taken.length, 1)
}

test('not taken in time: the next provider is offered it, and the first may have taken it', () =>
  withWaypost(config('{ otp: { deadline: { taken: 300ms } } }'), async (gateway) => {
    await connectFirst(gateway)
    first.always({ hang: true })
    const id = await gateway.send({ ...mail, type: 'otp' })
    const message = await gateway.until(id, 'sent')
    assert.equal(message.recipients[0].provider, 'second')
    const [attempt] = message.recipients[0].attempts
    assert.deepEqual([attempt.provider, attempt.outcome], ['first', 'unknown'])
    // Not only after the provider's own timeout of twenty seconds.
    assert.match(events(message, 'failover')[0]!, /no answer from first .*to take it within \d{3} ms.*: on to second/)
    const figures = await metrics(gateway)
    assert.match(figures, /waypost_possible_duplicates_total\{provider="first"\} 1/)
    assert.match(figures, /waypost_events_total\{type="failover",provider="first"\} 1/)
    assert.ok(gateway.log.some((line) => JSON.parse(line).msg === 'message failover'))
  }))

test('the last provider has all the time that it may have', () =>
  withWaypost(config('{ otp: { deadline: { taken: 1ms } } }', 'second'), async (gateway) => {
    second.next({ taken: true, hang: true })
    second.always(null)
    const id = await gateway.send({ ...mail, type: 'otp' })
    const message = await gateway.until(id, 'sent')
    assert.ok(message.recipients[0].attempts[0].latencyMs >= 1_900)
  }))

test('not taken in time, of a type that holds: held, as the type says', () =>
  withWaypost(
    config('{ careful: { onUnknown: hold, deadline: { taken: 300ms } } }', '{ first: [first, inbox] }'),
    async (gateway) => {
      await connectFirst(gateway)
      first.always({ hang: true })
      const id = await gateway.send({ ...mail, type: 'careful' })
      const message = await gateway.until(id, 'held')
      assert.equal(message.recipients[0].attempts.length, 1)
    },
  ))

let serial = 0
async function tellDelivered(gateway: Waypost, id: string): Promise<void> {
  const body = JSON.stringify({
    type: 'email.delivered',
    created_at: new Date().toISOString(),
    data: { email_id: 'v', to: [mail.to], tags: { waypost: id } },
  })
  const key = `evt_${++serial}`
  const now = new Date()
  const headers = {
    'content-type': 'application/json',
    'svix-id': key,
    'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
    'svix-signature': new Webhook(secret).sign(key, now, body),
  }
  assert.equal((await fetch(`${gateway.url}/hooks/second`, { method: 'POST', headers, body })).status, 200)
}

test('not delivered in time: sent once more, by another; when both had it, that is counted', () =>
  withWaypost(config('{ otp: { deadline: { delivered: 1s } } }', '{ first: [second, inbox] }'), async (gateway) => {
    const send = () => gateway.send({ ...mail, type: 'otp' })
    // Before it has told of any delivery, silence says nothing.
    const before = await send()
    await gateway.until(before, 'sent')
    await tellDelivered(gateway, before)
    const [told, silent] = [await send(), await send()]
    await gateway.until(told, 'sent')
    await tellDelivered(gateway, told)
    const message = await eventually(async () => {
      const { body } = await gateway.get(`/v1/messages/${silent}`)
      return body.recipients[0].provider === 'inbox' && body
    }, 'it is sent once more')
    assert.equal(message.status, 'sent')
    assert.deepEqual(
      message.recipients[0].attempts.map((attempt: { provider: string; outcome: string }) => [
        attempt.provider,
        attempt.outcome,
      ]),
      [
        ['second', 'accepted'],
        ['inbox', 'accepted'],
      ],
    )
    assert.match(events(message, 'failover')[0]!, /second took it and did not tell of a delivery within 1 s/)
    await tellDelivered(gateway, silent)
    const late = (await gateway.get(`/v1/messages/${silent}`)).body
    assert.deepEqual(events(late, 'delivered'), ['confirmed duplicate: second took it too'])
    const figures = await metrics(gateway)
    assert.match(figures, /waypost_confirmed_duplicates_total\{provider="second"\} 1/)
    assert.match(figures, /waypost_possible_duplicates_total\{provider="second"\} 1/)
    for (const id of [before, told]) {
      assert.equal((await gateway.get(`/v1/messages/${id}`)).body.recipients[0].attempts.length, 1)
    }
  }))

test('tried as often as it may be, then it has failed', () =>
  withWaypost(config('{ brief: { attempts: 3 } }', 'first'), async (gateway) => {
    first.always({ reply: json(503, { ErrorCode: 100, Message: 'Maintenance' }) })
    const id = await gateway.send({ ...mail, type: 'brief' })
    const message = await gateway.until(id, 'failed')
    assert.equal(message.status, 'failed')
    assert.equal(message.recipients[0].attempts.length, 3)
    assert.match(events(message, 'rejected')[0]!, /^tried 3 times, as often as type brief may be: 503/)
  }))

/** Hours around this one, by UTC, that do not end while a test runs. */
function thisHour(): string {
  const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16)
  return `{ from: "${at(-2)}", to: "${at(2)}" }`
}

test('not sent in quiet hours, and given up by its own time alone', () =>
  withWaypost(
    config(`{ news: { quiet: ${thisHour()} }, brief: { expire: 1s, quiet: ${thisHour()} } }`),
    async (gateway) => {
      const waits = await gateway.send({ ...mail, type: 'news' })
      const ends = await gateway.send({ ...mail, type: 'brief' })
      await gateway.until(waits, 'deferred')
      const message = (await gateway.get(`/v1/messages/${waits}`)).body
      assert.match(events(message, 'deferred')[0]!, /^type news is not sent at this hour: waits until 20/)
      const over = await gateway.until(ends, 'expired')
      assert.deepEqual(
        [message, over].map(({ recipients }) => recipients[0].attempts),
        [[], []],
      )
      assert.equal((await gateway.send({ ...mail }).then((id) => gateway.until(id, 'sent'))).status, 'sent')
    },
  ))

test('quiet hours are those of the zone that the mail names, and an explanation tells of them', () => {
  const quiet = thisHour().replace('}', ', zone: [metadata.zone, UTC] }')
  return withWaypost(config(`{ news: { quiet: ${quiet} } }`, 'inbox'), async (gateway) => {
    const news = { ...mail, type: 'news' }
    const { waits, candidates } = (await gateway.post('/v1/explain', news)).body
    assert.match(waits.reason, /^type news is not sent at this hour: waits until 20/)
    assert.ok(Date.parse(waits.until) > Date.now() + 3_600_000)
    assert.deepEqual(
      candidates.map(({ provider }: { provider: string }) => provider),
      ['inbox'],
    )
    const flags = ['--from', mail.from, '--to', mail.to, '--type', 'news']
    const told = await command(['explain', '--url', gateway.url, ...flags])
    assert.match(told.out, /Not now: type news is not sent at this hour: waits until 20/)
    await gateway.until(await gateway.send(news), 'deferred')

    // It is another time of day there.
    const far = { ...news, metadata: { zone: 'Pacific/Kiritimati' } }
    assert.equal((await gateway.post('/v1/explain', far)).body.waits, undefined)
    await gateway.until(await gateway.send(far), 'sent')
  })
})

test('its time is kept between two providers, too', () =>
  withWaypost(config('{ otp: { expire: 1s, deadline: { taken: 1500ms } } }'), async (gateway) => {
    first.always({ hang: true })
    const id = await gateway.send({ ...mail, type: 'otp' })
    const message = await gateway.until(id, 'expired')
    assert.equal(message.recipients[0].attempts.length, 1)
    assert.deepEqual(events(message, 'expired'), ['its time is over, and its fate was never known'])
    assert.equal(second.taken.length, 0)
  }))
