import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { inMemory, plain } from './in-memory.ts'

const gateway = inMemory()

async function answered(response: Response): Promise<void> {
  const type = response.headers.get('content-type')
  if (response.status === 202 || response.status === 200) {
    assert.equal(type, 'application/json')
    return
  }
  assert.equal(type, 'application/problem+json')
  assert.ok(response.status >= 400 && response.status < 500, String(response.status))
  assert.equal(((await response.json()) as { status: number }).status, response.status)
  assert.deepEqual(gateway.bugs, [])
}

const nasty = fc.constantFrom(
  ...[
    '',
    '\0',
    '\r\n',
    '\ud800',
    '__proto__',
    'constructor',
    'toString',
    'a@b',
    '<>',
    '"',
    '\\',
    ',',
    '@',
    ':;',
    '(',
    '=?x?q?=00?=',
  ],
  ...[
    'a@x.example',
    'Ann <a@x.example>',
    '2027-01-01T00:00:00Z',
    '9'.repeat(400),
    'a/b',
    'Bcc',
    'Message-ID',
    '<a@b.example>',
  ],
)
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), nasty)
const anything = fc.jsonValue({ maxDepth: 4 }).map((value) => value as unknown)
const mailbox = fc.oneof(text, fc.record({ email: text, name: text }, { requiredKeys: ['email'] }), anything)
const message = fc.record(
  {
    from: fc.oneof(fc.constant(plain.from), mailbox),
    to: fc.oneof(fc.constant(plain.to), mailbox, fc.array(mailbox, { maxLength: 4 })),
    cc: fc.array(mailbox, { maxLength: 3 }),
    replyTo: mailbox,
    subject: fc.oneof(text, anything),
    text: fc.oneof(text, anything),
    headers: fc.oneof(fc.dictionary(text, text, { maxKeys: 4 }), anything),
    attachments: fc.oneof(
      fc.array(
        fc.record(
          { filename: text, content: text, contentType: text, contentId: text, inline: fc.boolean() },
          { requiredKeys: [] },
        ),
      ),
      anything,
    ),
    tags: fc.oneof(fc.array(text, { maxLength: 3 }), anything),
    metadata: fc.oneof(fc.dictionary(text, text, { maxKeys: 3 }), anything),
    sendAt: fc.oneof(text, anything),
    expireAt: fc.oneof(text, anything),
    provider: fc.oneof(text, anything),
  },
  { requiredKeys: [] },
)
const path = fc.constantFrom('/v1/messages', '/v1/messages/batch', '/v1/explain')

it('answers any JSON with 2xx or a problem, never with a bug', async () => {
  const body = fc.oneof(
    message,
    message.map((one) => ({ messages: [one, plain] })),
    anything,
  )
  await fc.assert(
    fc.asyncProperty(path, body, async (path, json) => {
      await answered(await gateway.ask(path, { json: json === undefined ? null : json }))
    }),
    { numRuns: 400 },
  )
})

it('answers any bytes, of any claimed kind, likewise', async () => {
  const type = fc.constantFrom('application/json', 'message/rfc822', 'text/plain', '')
  const line = fc.constantFrom(
    'From: a@x.example',
    'To: b@x.example',
    'Bcc: <',
    'X-Waypost-Send-At: x',
    '',
    ' ',
    'Hello',
    '\0',
  )
  const mail = fc
    .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\r\n', '\n', '\r'))
    .map(([lines, end]) => Buffer.from(lines.join(end) + end))
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
    mail,
  )
  await fc.assert(
    fc.asyncProperty(path, type, bytes, async (path, type, body) => {
      const headers = type === '' ? {} : { 'content-type': type }
      await answered(await gateway.ask(path, { method: 'POST', body, headers } as RequestInit))
    }),
    { numRuns: 400 },
  )
})

it('answers any query and any id likewise', async () => {
  const name = fc.oneof(fc.constantFrom('limit', 'cursor', 'since', 'status', 'recipient', 'from', 'to'), text)
  const query = fc.array(fc.tuple(name, text), { maxLength: 4 })
  const place = fc.constantFrom('', '/events', '/raw', '/explain')
  await fc.assert(
    fc.asyncProperty(query, text, place, async (query, id, place) => {
      const search = query.map((pair) => pair.map((one) => encodeURIComponent(one.toWellFormed())).join('=')).join('&')
      await answered(await gateway.ask(`/v1/messages?${search}`))
      await answered(await gateway.ask(`/v1/messages/${encodeURIComponent(id.toWellFormed())}${place}?${search}`))
    }),
    { numRuns: 300 },
  )
})
