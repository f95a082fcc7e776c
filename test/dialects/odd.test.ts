/** Whatever stands in a field, a request is read or refused: nothing else is thrown. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ahasend from '../../src/dialects/ahasend.ts'
import amazonSes from '../../src/dialects/amazon-ses.ts'
import brevo from '../../src/dialects/brevo.ts'
import mailersend from '../../src/dialects/mailersend.ts'
import mailjet from '../../src/dialects/mailjet.ts'
import mailtrap from '../../src/dialects/mailtrap.ts'
import mandrill from '../../src/dialects/mandrill.ts'
import postmark from '../../src/dialects/postmark.ts'
import resend from '../../src/dialects/resend.ts'
import sendgrid from '../../src/dialects/sendgrid.ts'
import sparkpost from '../../src/dialects/sparkpost.ts'
import { type Asked, type Dialect, Untranslatable } from '../../src/mail/dialect.ts'

const odd = [null, 1, 'x', '{{ x', '*|IF:|*', true, {}, [], [1], [null], [[]], { a: null }, { __proto__: null, a: [] }]

const file = { name: 'a', content: 'YQ==' }
const person = { email: 'ann@example.com', name: 'Ann' }
const conversation = {
  from: person,
  reply_to: person,
  to: [person],
  cc: [person],
  subject: '{{ x }}',
  html_content: 'x',
  text_content: 'x',
  headers: { 'X-A': 'b' },
  tags: ['a'],
  attachments: [{ file_name: 'a', content_type: 'a/b', data: 'YQ==', base64: true, content_id: '<a>' }],
  schedule: { first_attempt: 'x', expires: 'y' },
}
const bodies: [Dialect, string, unknown][] = [
  [ahasend, '/v2/accounts/{account}/messages/conversation', conversation],
  [
    ahasend,
    '/v2/accounts/{account}/messages',
    { ...conversation, recipients: [{ ...person, substitutions: { x: 1 } }], substitutions: { x: 1 } },
  ],
  [
    brevo,
    '/v3/smtp/email',
    {
      sender: person,
      to: [person],
      cc: [person],
      replyTo: person,
      subject: 'x',
      htmlContent: '{{ params.x }}',
      textContent: 'x',
      attachment: [file],
      headers: { 'X-A': 'b', 'X-Mailin-custom': '{}' },
      tags: ['a'],
      params: { x: 1 },
      messageVersions: [{ to: [person], params: { x: 2 }, headers: { a: 'b' } }],
      scheduledAt: 'x',
    },
  ],
  [
    mandrill,
    '/api/{version}/messages/send',
    {
      key: 'x',
      send_at: '2027-01-01 00:00:00',
      message: {
        from_email: 'a@example.com',
        to: [{ ...person, type: 'to' }],
        headers: { 'Reply-To': 'x' },
        subject: '*|X|*',
        html: 'x',
        global_merge_vars: [{ name: 'x', content: 'y' }],
        merge_vars: [{ rcpt: 'ann@example.com', vars: [{ name: 'x', content: 'y' }] }],
        metadata: { a: 'b' },
        recipient_metadata: [{ rcpt: 'ann@example.com', values: { a: 'b' } }],
        attachments: [file],
        images: [file],
        tags: ['a'],
      },
    },
  ],
  [
    mandrill,
    '/api/{version}/messages/send-raw',
    { raw_message: 'X-MC-Metadata: {}\n\nx', to: ['a@example.com'], send_at: 'x' },
  ],
  [
    mailjet,
    '/v3.1/send',
    {
      Globals: { Headers: { a: 'b' }, Variables: { x: 1 } },
      Messages: [
        {
          From: { Email: 'a@example.com', Name: 'A' },
          To: [{ Email: 'a@example.com' }],
          Subject: '{{var:x}} [[var:x]]',
          TextPart: 'x',
          TemplateLanguage: true,
          Variables: { x: 1 },
          Headers: { a: 'b' },
          Attachments: [{ ContentType: 'a/b', Filename: 'a', Base64Content: 'YQ==' }],
          InlinedAttachments: [{ ContentType: 'a/b', Filename: 'a', Base64Content: 'YQ==', ContentID: 'x' }],
          CustomID: 'x',
        },
      ],
    },
  ],
  [brevo, '/v3/smtp/email', { templateId: '7', to: [person], params: { x: 1 }, messageVersions: [{ to: [person] }] }],
  [
    mailjet,
    '/v3.1/send',
    { Messages: [{ TemplateID: 7, TemplateLanguage: true, To: [{ Email: 'a@b.test' }], Variables: { x: 1 } }] },
  ],
  [
    mandrill,
    '/api/{version}/messages/send-template',
    {
      key: 'x',
      template_name: '7',
      template_content: [{ name: 'a', content: 'b' }],
      message: { to: [person], global_merge_vars: [{ name: 'x', content: 'y' }], merge_language: 'handlebars' },
    },
  ],
  [
    sendgrid,
    '/v3/mail/send',
    {
      template_id: '7',
      from: person,
      personalizations: [{ to: [person], dynamic_template_data: { x: 1 }, substitutions: {} }],
    },
  ],
  [postmark, '/email/withTemplate', { From: 'a@b.test', To: 'b@b.test', TemplateId: 7, TemplateModel: { x: 1 } }],
  [
    postmark,
    '/email/batchWithTemplates',
    { Messages: [{ From: 'a@b.test', To: 'b@b.test', TemplateAlias: '7', TemplateModel: {} }] },
  ],
  [resend, '/emails', { to: 'a@b.test', template: { id: '7', variables: { x: 1 } } }],
  [mailtrap, '/api/send', { from: person, to: [person], template_uuid: '7', template_variables: { x: 1 } }],
  [
    mailersend,
    '/v1/email',
    { from: person, to: [person], template_id: '7', personalization: [{ email: 'ann@example.com', data: { x: 1 } }] },
  ],
  [
    sparkpost,
    '/api/v1/transmissions',
    { recipients: [{ address: 'a@b.test' }], content: { template_id: '7' }, substitution_data: { x: 1 } },
  ],
  [
    amazonSes,
    '/v2/email/outbound-emails',
    {
      FromEmailAddress: 'a@b.test',
      Content: { Template: { TemplateName: '7', TemplateArn: '/7', TemplateData: '{"x":1}' } },
    },
  ],
]

/** The body with one value in it, wherever it stands, put for another. */
function* changed(value: unknown): Iterable<unknown> {
  yield* odd
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    for (const other of changed(inner)) {
      yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other }
    }
  }
}

for (const [dialect, path, body] of bodies) {
  test(`${dialect.name} ${path} reads or refuses whatever comes`, async () => {
    const does = dialect.routes.find((route) => route.path === path && route.method === 'POST')?.does
    assert(does?.kind === 'send')
    for (const given of changed(body)) {
      const text = JSON.stringify(given)
      const asked: Asked = {
        method: 'POST',
        path,
        params: { account: '84d6c28b-dce0-4a1b-9d55-ee0b9f0d9b3c' },
        query: new URLSearchParams(),
        headers: {},
        body: new TextEncoder().encode(text),
        url: 'http://127.0.0.1/',
        origin: 'http://localhost',
        at: 0,
        templates: new Map([['7', { from: 'a@example.com', subject: '{{ x }}', html: '{{ x }}', text: '{{ x }}' }]]),
      }
      try {
        const sending = await does.read(asked)
        for (const one of sending.messages) if ('json' in one) one.field?.('/to/0/email')
      } catch (error) {
        assert(error instanceof Untranslatable, `${text}: ${error instanceof Error ? error.stack : error}`)
      }
    }
  })
}
