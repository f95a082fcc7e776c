/** An application names a template that its vendor keeps, with the vendor's own SDK where it has one: what the config has instead is sent. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { NotFoundException, SESv2Client, SendBulkEmailCommand, SendEmailCommand } from '@aws-sdk/client-sesv2'
import { BrevoClient } from '@getbrevo/brevo'
import itsMail from '@sendgrid/mail'
import { EmailParams, MailerSend, Recipient, Sender } from 'mailersend'
import Mailgun from 'mailgun.js'
import { MailtrapClient } from 'mailtrap'
import { ServerClient } from 'postmark'
import { Resend } from 'resend'
import { sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import { eventually, newFolder, remove } from '../support/waypost.ts'
import { type Spoken, spoken } from './speaking.ts'

const load = createRequire(import.meta.url)
const folder = newFolder()
test.after(() => remove(folder))

/** A gateway with one template of a dialect: its parts as they are written. */
function keeping(
  dialect: string,
  id: string,
  parts: { html?: string; text?: string; subject?: string; from?: string; language?: string },
  story: (spoken: Spoken) => Promise<void>,
) {
  const { html, text, ...said } = parts
  const files = Object.entries({ html, text }).flatMap(([part, source]) => {
    if (source === undefined) return []
    const file = join(folder, `${dialect}.${part}`)
    writeFileSync(file, source)
    return [[part, file]]
  })
  const templates = { [dialect]: { [id]: { ...said, ...Object.fromEntries(files) } } }
  return spoken(story, { more: `templates: ${JSON.stringify(templates)}` })
}

const name = 'Tom & Ann'

test('SendGrid: dynamic templates, each personalization with its own data', () =>
  keeping(
    'sendgrid',
    'd-0123abc',
    {
      subject: 'Order {{order.id}} of {{{name}}}',
      html: '<p>{{name}}{{#equals plan "pro"}} (pro){{else}} (free){{/equals}}</p>{{#each lines}}<li>{{what}}{{/each}}',
      text: 'Hello {{insert name "default=there"}}\n{{#if vip}}\nVery important\n{{/if}}\n{{length lines}} lines\n',
    },
    async ({ gateway, arrived }) => {
      const { MailService } = itsMail as unknown as { MailService: new () => typeof itsMail }
      const mail = new MailService()
      mail.setApiKey('SG.1')
      const sdk = mail as unknown as { client: { setDefaultRequest(name: string, value: string): void } }
      sdk.client.setDefaultRequest('baseUrl', `${gateway.url}/`)
      const data = { name, plan: 'pro', order: { id: 7 }, lines: [{ what: '<tea>' }, { what: 'cake' }], vip: true }
      await mail.send({
        from: 'ann@example.com',
        templateId: 'd-0123abc',
        personalizations: [
          { to: 'bob@example.org', dynamicTemplateData: data },
          { to: 'carl@example.org', dynamicTemplateData: { order: { id: 8 } } },
        ],
      } as unknown as Parameters<typeof mail.send>[0])
      const mails = await arrived(2)
      const [bob, carl] = ['bob@example.org', 'carl@example.org'].map((who) => mails.find(({ to }) => to[0] === who)!)
      assert.equal(bob!.subject, 'Order 7 of Tom & Ann')
      assert.equal(bob!.html, '<p>Tom &amp; Ann (pro)</p><li>&lt;tea&gt;<li>cake')
      assert.equal(bob!.text!.trim(), 'Hello Tom & Ann\nVery important\n2 lines')
      assert.equal(carl!.html, '<p> (free)</p>')
      assert.equal(carl!.text!.trim(), 'Hello there\n0 lines')

      const simple = { from: 'ann@example.com', to: 'bob@example.org', templateId: 'd-0123abc' }
      const [{ statusCode, headers }] = (await mail.send({
        ...simple,
        dynamicTemplateData: data,
        text: 'Not this',
      })) as unknown as [{ statusCode: number; headers: Record<string, string> }]
      assert.deepEqual([statusCode, headers['x-waypost-ignored']], [202, 'content'])
      assert.equal((await arrived(1))[0]!.subject, 'Order 7 of Tom & Ann')

      const fails = (more: object) =>
        mail.send({ ...simple, ...more }).then(
          () => null,
          ({ code, response }) => [code, response.body.errors[0].field],
        )
      assert.deepEqual(await fails({ templateId: 'd-other' }), [400, 'template_id'])
      assert.deepEqual(await fails({ templateId: 'toString' }), [400, 'template_id'])
    },
  ))

test('Postmark: Mustachio by id or alias, one and many', () =>
  keeping(
    'postmark',
    '1234',
    {
      subject: 'Hi {{{name}}}',
      html: '<p>{{name}}</p>{{#company}}{{#each staff}}<li>{{who}} of {{../../town}}</li>{{/each}}{{^boss}}none{{/boss}}{{/company}}',
      text: '{{#each tags}}{{.}} {{/each}}',
    },
    async ({ gateway, arrived }) => {
      const postmark = new ServerClient('token', { requestHost: gateway.url.replace('http://', ''), useHttps: false })
      const call = {
        From: 'ann@example.com',
        To: 'bob@example.org',
        TemplateId: 1234,
        TemplateModel: { name, tags: ['a', 'b'], company: { town: 'Graz', staff: [{ who: 'A<' }, { who: 'B' }] } },
      }
      const { ErrorCode, To } = await postmark.sendEmailWithTemplate(call)
      assert.deepEqual([ErrorCode, To], [0, 'bob@example.org'])
      const [mail] = await arrived(1)
      assert.equal(mail!.subject, 'Hi Tom & Ann')
      assert.equal(mail!.html, '<p>Tom &amp; Ann</p><li>A&lt; of Graz</li><li>B of Graz</li>none')
      assert.equal(mail!.text, 'a b ')

      const other = { From: 'ann@example.com', To: 'carl@example.org', TemplateAlias: 'other', TemplateModel: {} }
      const both = await postmark.sendEmailBatchWithTemplates([call, other])
      assert.deepEqual(
        both.map(({ ErrorCode }) => ErrorCode),
        [0, 1101],
      )
      await arrived(1)
      await assert.rejects(postmark.sendEmailWithTemplate(other), { code: 1101, statusCode: 422 })
      const { body } = await gateway.post('/email/withTemplate', { ...call, TemplateModel: null })
      assert.equal(body.ErrorCode, 300)
    },
  ))

test('Mailgun: t:variables, and recipients with values of their own', () =>
  keeping(
    'mailgun',
    'welcome',
    { subject: 'Welcome to {{town}}', html: '<p>{{name}} {{#if vip}}!{{/if}}{{#equal town "Graz"}}yes{{/equal}}</p>' },
    async ({ gateway, arrived }) => {
      const { messages } = new Mailgun(FormData).client({ username: 'api', key: 'key-1', url: gateway.url })
      const call = { from: 'ann@example.com', to: ['bob@example.org'], template: 'welcome' }
      const variables = { name, vip: true, town: 'Graz' }
      await messages.create('mg.example.com', { ...call, 't:variables': JSON.stringify(variables) })
      const [mail] = await arrived(1)
      assert.deepEqual([mail!.subject, mail!.html], ['Welcome to Graz', '<p>Tom &amp; Ann !yes</p>'])

      await messages.create('mg.example.com', {
        ...call,
        to: ['bob@example.org', 'carl@example.org'],
        subject: 'For %recipient.n%',
        'h:X-Mailgun-Variables': JSON.stringify({ name: '%recipient.n%' }),
        'recipient-variables': JSON.stringify({ 'bob@example.org': { n: '<Bob>' }, 'carl@example.org': { n: 'Carl' } }),
      })
      const mails = await arrived(2)
      assert.deepEqual(mails.map(({ subject, html }) => [subject, html]).sort(), [
        ['For <Bob>', '<p>&lt;Bob&gt; </p>'],
        ['For Carl', '<p>Carl </p>'],
      ])

      const refused = (more: object) =>
        assert.rejects(messages.create('mg.example.com', { ...call, ...more }), { status: 400 })
      await refused({ template: 'other' })
      await refused({ 't:variables': '[' })
      await refused({ template: '', text: 'x', 't:variables': '{}' })
    },
  ))

test('Amazon SES: TemplateData, in bulk, and in forms; a missing value is an error', () =>
  keeping(
    'amazon-ses',
    'Welcome',
    { subject: 'Hi {{name}}', text: 'Hello {{name}}{{#if town}} of {{town}}{{/if}}', html: '<p>{{name}}</p>' },
    async ({ gateway, arrived }) => {
      const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'x' }
      const ses = new SESv2Client({ endpoint: gateway.url, region: 'eu-west-1', credentials, maxAttempts: 1 })
      const call = { FromEmailAddress: 'ann@example.com', Destination: { ToAddresses: ['bob@example.org'] } }
      const send = (TemplateName: string, data: object) =>
        ses.send(
          new SendEmailCommand({
            ...call,
            Content: { Template: { TemplateName, TemplateData: JSON.stringify(data) } },
          }),
        )
      await send('Welcome', { name })
      const [mail] = await arrived(1)
      assert.deepEqual([mail!.subject, mail!.text, mail!.html], ['Hi Tom & Ann', 'Hello Tom & Ann', '<p>Tom & Ann</p>'])
      await assert.rejects(send('Other', {}), NotFoundException)
      await assert.rejects(send('Welcome', {}), /Attribute 'name' is not present/)

      const arn = 'arn:aws:ses:eu-west-1:1:template/Welcome'
      const entry = (to: string, data: object) => ({
        Destination: { ToAddresses: [to] },
        ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: JSON.stringify(data) } },
      })
      await ses.send(
        new SendBulkEmailCommand({
          FromEmailAddress: 'ann@example.com',
          DefaultContent: { Template: { TemplateArn: arn, TemplateData: '{"town":"Graz"}' } },
          BulkEmailEntries: [entry('bob@example.org', { name: 'Bob' }), entry('carl@example.org', { name: 'Carl' })],
        }),
      )
      assert.deepEqual((await arrived(2)).map(({ text }) => text).sort(), ['Hello Bob of Graz', 'Hello Carl of Graz'])

      const form = (Template: string) =>
        fetch(`${gateway.url}/`, {
          method: 'POST',
          body: new URLSearchParams({
            Action: 'SendTemplatedEmail',
            Source: 'ann@example.com',
            'Destination.ToAddresses.member.1': 'bob@example.org',
            Template,
            TemplateData: '{"name":"Bob"}',
          }),
        })
      const answer = await form('Welcome')
      assert.match(await answer.text(), /<SendTemplatedEmailResult><MessageId>/)
      assert.equal((await arrived(1))[0]!.subject, 'Hi Bob')
      assert.match(await (await form('Other')).text(), /<Code>TemplateDoesNotExist</)
    },
  ))

test('Mandrill: send-template with merge fields and editable regions', () =>
  keeping(
    'mandrill',
    'welcome',
    {
      from: 'Ann <ann@example.com>',
      subject: 'Hi *|NAME|*',
      html: '<div mc:edit="main"><div>old</div></div><p>*|NAME|*</p>',
    },
    async ({ gateway, arrived }) => {
      const sdk = load('@mailchimp/mailchimp_transactional')('md-1')
      sdk.basePath = `${gateway.url}/api/1.3`
      const call = {
        template_name: 'welcome',
        template_content: [{ name: 'main', content: '<b>*|TOWN|*</b>' }],
        message: {
          to: [{ email: 'bob@example.org' }, { email: 'carl@example.org' }],
          global_merge_vars: [{ name: 'TOWN', content: 'Graz' }],
          merge_vars: [
            { rcpt: 'bob@example.org', vars: [{ name: 'name', content: 'Bob & co' }] },
            { rcpt: 'carl@example.org', vars: [{ name: 'name', content: 'Carl' }] },
          ],
        },
      }
      const answer = await sdk.messages.sendTemplate(call)
      assert.deepEqual(
        answer.map(({ status }: { status: string }) => status),
        ['sent', 'sent'],
      )
      const mails = await arrived(2)
      assert.deepEqual(mails.map(({ from, subject, html }) => [from, subject, html]).sort(), [
        ['Ann <ann@example.com>', 'Hi Bob & co', '<div mc:edit="main"><b>Graz</b></div><p>Bob & co</p>'],
        ['Ann <ann@example.com>', 'Hi Carl', '<div mc:edit="main"><b>Graz</b></div><p>Carl</p>'],
      ])
      const { response } = await sdk.messages.sendTemplate({ ...call, template_name: 'other' })
      assert.deepEqual([response.status, response.data.name], [404, 'Unknown_Template'])
      const nowhere = { ...call, key: 'md-1', template_content: [{ name: 'aside', content: 'x' }] }
      const { headers } = await gateway.post('/api/1.3/messages/send-template', nowhere)
      assert.equal(headers.get('x-waypost-ignored'), 'template_content.aside')
    },
  ))

test('Brevo: templateId and params; who sends is said by the template', () =>
  keeping(
    'brevo',
    '7',
    { from: 'Ann <ann@example.com>', subject: 'Hi {{ params.name }}', html: '<p>{{ params.name }}</p>' },
    async ({ gateway, arrived }) => {
      const brevo = new BrevoClient({ apiKey: 'k', baseUrl: `${gateway.url}/v3`, maxRetries: 0 }).transactionalEmails
      const call = { templateId: 7, to: [{ email: 'bob@example.org' }], params: { name } }
      await brevo.sendTransacEmail(call)
      const [mail] = await arrived(1)
      assert.deepEqual(
        [mail!.from, mail!.subject, mail!.html],
        ['Ann <ann@example.com>', 'Hi Tom & Ann', '<p>Tom &amp; Ann</p>'],
      )
      const versions = [{ to: [{ email: 'carl@example.org' }], params: { name: '{{ params.x }}' } }]
      await brevo.sendTransacEmail({ ...call, subject: '{{ params.name }}', messageVersions: versions })
      const [version] = await arrived(1)
      assert.deepEqual([version!.subject, version!.html], ['{{ params.x }}', '<p>{{ params.x }}</p>'])
      await assert.rejects(brevo.sendTransacEmail({ ...call, templateId: 8 }), /templateId is not valid/)
    },
  ))

test('MailerSend: template_id with personalization', () =>
  keeping(
    'mailersend',
    'z3m5jgr',
    { subject: 'Hi {{ name }}', html: '<p>{{ name|upper }}</p>' },
    async ({ gateway, arrived }) => {
      const { email } = new MailerSend({ apiKey: 'mlsn.1' })
      Object.assign(email, { baseUrl: `${gateway.url}/v1` })
      const call = () =>
        new EmailParams()
          .setFrom(new Sender('ann@example.com', 'Ann'))
          .setTo([new Recipient('bob@example.org')])
          .setPersonalization([{ email: 'bob@example.org', data: { name } }])
      assert.equal((await email.send(call().setTemplateId('z3m5jgr'))).statusCode, 202)
      const [mail] = await arrived(1)
      assert.deepEqual([mail!.subject, mail!.html], ['Hi Tom & Ann', '<p>TOM &amp; ANN</p>'])
      await assert.rejects(email.send(call().setTemplateId('other')), ({ body }) => 'template_id' in body.errors)
    },
  ))

test('SparkPost: template_id with substitution_data', () =>
  keeping(
    'sparkpost',
    'welcome',
    { from: 'Ann <ann@example.com>', subject: 'Hi {{name}}', html: '<p>{{name}}</p>' },
    async ({ gateway, arrived }) => {
      const sdk = new (load('sparkpost'))('key', { origin: gateway.url })
      const call = {
        recipients: [{ address: 'bob@example.org', substitution_data: { name } }],
        content: { template_id: 'welcome', use_draft_template: false },
      }
      await sdk.transmissions.send(call)
      const [mail] = await arrived(1)
      assert.deepEqual(
        [mail!.from, mail!.subject, mail!.html],
        ['Ann <ann@example.com>', 'Hi Tom & Ann', '<p>Tom &amp; Ann</p>'],
      )
      const other = sdk.transmissions.send({ ...call, content: { template_id: 'other' } })
      await assert.rejects(other, ({ errors }) => errors[0].code === '1603')
    },
  ))

test('Resend: template with variables, each of which needs a value', () =>
  keeping(
    'resend',
    'order',
    { from: 'Ann <ann@example.com>', subject: 'About {{{PRODUCT}}}', html: '<p>{{{PRODUCT}}}: {{{PRICE}}}</p>' },
    async ({ gateway, arrived }) => {
      const resend = new Resend('re_1', { baseUrl: gateway.url })
      const send = (id: string, variables: Record<string, string | number>) =>
        resend.emails.send({ to: 'bob@example.org', template: { id, variables } })
      assert.equal((await send('order', { PRODUCT: 'tea', PRICE: 5 })).error, null)
      const [mail] = await arrived(1)
      assert.deepEqual([mail!.subject, mail!.html], ['About tea', '<p>tea: 5</p>'])
      assert.match((await send('order', { PRODUCT: 'tea' })).error!.message, /no value for the variable `PRICE`/)
      assert.match((await send('other', {})).error!.message, /Invalid `template` field/)
    },
  ))

test('Mailtrap: template_uuid with template_variables', () =>
  keeping('mailtrap', 'a-b-c', { subject: 'Hi {{name}}', text: '{{name}}' }, async ({ gateway, arrived }) => {
    const sdk = Object.assign(new MailtrapClient({ token: 'token' }), {
      determineHost: () => gateway.url,
    }) as MailtrapClient
    const call = { from: { email: 'ann@example.com' }, to: [{ email: 'bob@example.org' }], template_uuid: 'a-b-c' }
    await sdk.send({ ...call, template_variables: { name } })
    assert.equal((await arrived(1))[0]!.text, 'Tom & Ann')
    await assert.rejects(sdk.send({ ...call, template_uuid: 'x' }), /'template_uuid' is not kept here/)
  }))

test('Mailjet: TemplateID with Variables, in its language or another', async () => {
  const send = async ({ gateway }: Spoken, more: object) => {
    const call = {
      From: { Email: 'ann@example.com' },
      To: [{ Email: 'bob@example.org' }],
      Variables: { name },
      ...more,
    }
    const { body } = await gateway.post('/v3.1/send', { Messages: [call] }, { authorization: `Basic ${btoa('a:b')}` })
    return body.Messages[0]
  }
  await keeping(
    'mailjet',
    '7',
    { subject: 'Hi {{var:name}}', text: '{{var:name}} of {{var:town:"Graz"}}' },
    async (spoken) => {
      assert.equal((await send(spoken, { TemplateID: 7, TemplateLanguage: true })).Status, 'success')
      const [mail] = await spoken.arrived(1)
      assert.deepEqual([mail!.subject, mail!.text], ['Hi Tom & Ann', 'Tom & Ann of Graz'])
      assert.equal((await send(spoken, { TemplateID: 8 })).Errors[0].ErrorCode, 'send-0010')
    },
  )
  const mustache = { language: 'mustache', html: '{{#list}}{{.}}{{name}} {{/list}}' }
  await keeping('mailjet', '7', mustache, async (spoken) => {
    await send(spoken, { TemplateID: 7, Subject: 'x', Variables: { name, list: [1, 2] } })
    assert.equal((await spoken.arrived(1))[0]!.html, '1Tom &amp; Ann 2Tom &amp; Ann ')
  })
})

test('files are read again with the config', () =>
  keeping('mailtrap', 'a', { subject: 'x', text: 'first' }, async ({ gateway, arrived, vendor }) => {
    const call = { from: { email: 'ann@example.com' }, to: [{ email: 'bob@example.org' }] }
    const send = async (id: string) => (await gateway.post('/api/send', { ...call, template_uuid: id })).status
    assert.equal(await send('a'), 200)
    assert.equal((await arrived(1))[0]!.text, 'first')
    const file = join(folder, 'mailtrap.text')
    writeFileSync(file, 'second')
    gateway.configure(`
providers: { other: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${vendor.url}" } }
routes: [{ name: all, use: other }]
templates: { mailtrap: { b: { text: "${file}", subject: x } } }`)
    await eventually(async () => (await send('b')) === 200, 'the new config is in force')
    assert.equal((await arrived(1))[0]!.text, 'second')
    assert.equal(await send('a'), 400)
  }))
