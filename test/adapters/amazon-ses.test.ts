import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange, SmtpRelay } from '../../src/mail/adapter.ts'
import { httpCarrier } from '../../src/send/http.ts'
import ses from './amazon-ses.ts'
import { handoff, inWords, letter } from './fixture.ts'

const ann = 'ann@example.com'
const way = ses.adapter.send as HttpExchange<unknown>

async function desk(): Promise<
  { vendor: Awaited<ReturnType<typeof ses.vendor>>; carrier: ReturnType<typeof httpCarrier> } & AsyncDisposable
> {
  const vendor = await ses.vendor()
  const carrier = httpCarrier()
  return {
    vendor,
    carrier,
    async [Symbol.asyncDispose]() {
      await carrier.close()
      await vendor.close()
    },
  }
}

test('sends raw mail as it came, to its envelope', async () => {
  await using at = await desk()
  const raw = Buffer.from('Subject: raw\r\nTo: list@example.com\r\n\r\nas it came\r\n')
  const content = { form: 'raw' as const, size: raw.length, bytes: async () => raw, async *stream() {} }
  const options = ses.adapter.options.parse(ses.options(at.vendor.url))
  const outcomes = await at.carrier.send(way, handoff([ann], content), options)
  const [taken] = at.vendor.taken
  assert.equal(inWords(outcomes.get(ann)), `accepted ${taken?.id}`)
  assert.deepEqual(taken?.recipients, [ann])
  assert.deepEqual(taken?.fields.Content, { Raw: { Data: raw.toString('base64') } })
})

test('composes what simple mail cannot carry', async () => {
  await using at = await desk()
  const options = ses.adapter.options.parse(ses.options(at.vendor.url))
  const cases = [
    Array.from({ length: 16 }, (_, index) => [`X-Nr-${index}`, 'x'] as const),
    [['X-Name', 'Ärger']] as const,
    [
      ['X-Twice', '1'],
      ['X-Twice', '2'],
    ] as const,
  ]
  for (const headers of cases) {
    const parts = { ...letter, headers: [...headers] }
    await at.carrier.send(way, handoff([ann], { form: 'parts', parts }), options)
    const taken = at.vendor.taken.at(-1)!
    const { Raw } = taken.fields.Content as { Raw: { Data: string } }
    const raw = Buffer.from(Raw.Data, 'base64').toString()
    assert.equal(raw.match(/^X-(Nr|Name|Twice)/gm)?.length, headers.length)
    assert.deepEqual(taken.recipients, [ann])
    assert.doesNotMatch(raw, /bob@example\.com/)
  }
})

test('reads every page of the addresses that it mails no more', async () => {
  await using at = await desk()
  const options = ses.adapter.options.parse(ses.options(at.vendor.url))
  const listed = []
  for await (const entry of ses.adapter.suppressions!(options, fetch)) listed.push(entry)
  assert.deepEqual(listed, [
    { email: 'gone@example.com', reason: 'bounce', at: 1_795_600_000_500 },
    { email: 'angry@example.com', reason: 'complaint', at: 1_795_600_000_500 },
    { email: 'left@example.com', reason: 'bounce', at: 1_795_600_000_500 },
  ])
  const other = ses.adapter.options.parse({ ...ses.options(at.vendor.url), accessKeyId: 'AKIAOTHER' })
  await assert.rejects(async () => {
    for await (const _ of ses.adapter.suppressions!(other, fetch));
  }, /answered 403/)
})

test('is where its region is, and in China too', async () => {
  const { baseUrl: _, ...options } = ses.options('http://127.0.0.1') as Record<string, unknown>
  for (const [region, host] of [
    ['eu-west-1', 'email.eu-west-1.amazonaws.com'],
    ['cn-north-1', 'email.cn-north-1.amazonaws.com.cn'],
  ]) {
    const asked = await way.request(handoff([ann]), ses.adapter.options.parse({ ...options, region }))
    assert.equal(asked.url, `https://${host}/v2/email/outbound-emails`)
  }
})

/** Made with the code that AWS publishes beside the algorithm (Python), for the secret of its documentation. */
test('derives the password for SMTP from the secret', () => {
  const send = ses.adapter.smtp!.send as { target(options: unknown): SmtpRelay }
  const options = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
  const { pass } = send.target(ses.adapter.smtp!.options.parse({ ...options, region: 'us-east-1' }))
  assert.equal(pass, 'BOntiZFm/r+5s3psZ/RpsjB+aSGsj2J0rXdiLuO0cQL7')
})
