/** What a message is decides who can carry it, and whoever carries it carries all of it. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import PostalMime from 'postal-mime'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { fakeMailgun, mailgunDomain, mailgunKey } from '../support/fake-vendors/mailgun.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

// biome-ignore lint/suspicious/noExplicitAny: each vendor's own shape, looked into freely
type Fields = any

const vendors: Record<string, FakeVendor> = {}
let relay: FakeMx
let gateway: Waypost

before(async () => {
  Object.assign(vendors, {
    postmark: await fakePostmark(),
    sendgrid: await fakeSendgrid(),
    mailgun: await fakeMailgun(),
    resend: await fakeResend(),
  })
  relay = await fakeMx()
  gateway = await waypost(`
providers:
  postmark: { adapter: postmark, serverToken: ${postmarkToken}, baseUrl: "${vendors.postmark!.url}" }
  sendgrid: { adapter: sendgrid, apiKey: ${sendgridKey}, baseUrl: "${vendors.sendgrid!.url}" }
  mailgun: { adapter: mailgun, apiKey: ${mailgunKey}, domain: ${mailgunDomain}, baseUrl: "${vendors.mailgun!.url}" }
  resend: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendors.resend!.url}" }
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none }
types: { tagged: { needs: [tags] } }
routes:
  - { name: large, when: { tag: large }, use: { first: [postmark, resend] } }
  - { name: default, use: { first: [postmark, relay] } }
`)
})
beforeEach(() => {
  for (const vendor of Object.values(vendors)) vendor.taken.length = 0
  relay.received.length = 0
})
after(async () => {
  await gateway.stop()
  remove(gateway.folder)
  await Promise.all([relay.close(), ...Object.values(vendors).map((vendor) => vendor.close())])
})

const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const invoice = Buffer.from('%PDF-1.4 an invoice').toString('base64')

const everything = {
  from: 'Ann Öz <ann@example.com>',
  to: ['Bob <bob@example.org>', 'carl@example.org'],
  cc: 'Dora "D" <dora@example.org>',
  bcc: ['eve@example.org'],
  replyTo: 'Desk <desk@example.com>',
  subject: 'Grüße',
  text: 'Hällo.',
  html: '<p>Hällo <img src="cid:logo"></p>',
  headers: { 'X-Order': '17' },
  tags: ['receipt'],
  metadata: { order: '17' },
  attachments: [
    { filename: 'invoice.pdf', content: invoice, contentType: 'application/pdf' },
    { filename: 'logo.png', content: pixel, contentType: 'image/png', contentId: 'logo', inline: true },
  ],
}

async function submit(raw: string, to: string[], from = 'ann@example.com'): Promise<string> {
  const client = await SmtpClient.hello(gateway.smtpPort)
  try {
    const reply = await client.send(raw.replace(/\r?\n/g, '\r\n'), from, to)
    return reply.match(/^250 2\.0\.0 queued as (msg_\w+)$/)![1]!
  } finally {
    client.end()
  }
}

async function sendBy(provider: string, mail: object): Promise<{ fields: Fields; messageId: string; id: string }> {
  const id = await gateway.send({ ...mail, provider })
  const { messageIdHeader } = await gateway.until(id, 'sent')
  assert.equal(vendors[provider]!.taken.length, 1)
  return { fields: vendors[provider]!.taken[0]!.fields, messageId: messageIdHeader, id }
}

test('postmark gets all of it', async () => {
  const { fields, messageId, id } = await sendBy('postmark', everything)
  const { taken } = vendors.postmark!
  assert.deepEqual(
    taken[0]!.recipients.toSorted(),
    ['bob', 'carl', 'dora', 'eve'].map((one) => `${one}@example.org`),
  )
  assert.match(fields.From, /Ann Öz.*<ann@example\.com>/)
  assert.match(fields.To, /Bob.*<bob@example\.org>, carl@example\.org/)
  assert.match(fields.Cc, /Dora.*<dora@example\.org>/)
  assert.equal(fields.Bcc, 'eve@example.org')
  assert.match(fields.ReplyTo, /Desk.*<desk@example\.com>/)
  assert.deepEqual([fields.Subject, fields.TextBody, fields.HtmlBody], ['Grüße', 'Hällo.', everything.html])
  const headers = Object.fromEntries(fields.Headers.map(({ Name, Value }: Fields) => [Name, Value]))
  assert.deepEqual(headers, { 'X-Order': '17', 'Message-ID': messageId, 'X-PM-KeepID': 'true' })
  assert.deepEqual([fields.Tag, fields.Metadata], ['receipt', { waypost: id, order: '17' }])
  assert.deepEqual(
    fields.Attachments.map(({ Name, Content, ContentID }: Fields) => [Name, Content, ContentID ?? null]),
    [
      ['invoice.pdf', invoice, null],
      ['logo.png', pixel, 'cid:logo'],
    ],
  )
})

test('sendgrid gets all of it', async () => {
  const { fields, messageId, id } = await sendBy('sendgrid', everything)
  assert.deepEqual(fields.from, { email: 'ann@example.com', name: 'Ann Öz' })
  assert.deepEqual(fields.personalizations[0].to, [
    { email: 'bob@example.org', name: 'Bob' },
    { email: 'carl@example.org' },
  ])
  assert.equal(fields.personalizations[0].cc[0].email, 'dora@example.org')
  assert.deepEqual(fields.personalizations[0].bcc, [{ email: 'eve@example.org' }])
  assert.deepEqual(fields.reply_to_list, [{ email: 'desk@example.com', name: 'Desk' }])
  assert.equal(fields.subject, 'Grüße')
  assert.deepEqual(
    fields.content.map(({ value }: Fields) => value),
    ['Hällo.', everything.html],
  )
  assert.deepEqual(fields.headers, { 'X-Order': '17', 'Message-ID': messageId })
  assert.deepEqual([fields.categories, fields.custom_args], [['receipt'], { order: '17', waypost: id }])
  assert.deepEqual(
    fields.attachments.map((file: Fields) => [file.filename, file.content, file.disposition, file.content_id ?? null]),
    [
      ['invoice.pdf', invoice, 'attachment', null],
      ['logo.png', pixel, 'inline', 'logo'],
    ],
  )
})

test('mailgun gets all of it', async () => {
  const { fields, messageId, id } = await sendBy('mailgun', everything)
  assert.equal(vendors.mailgun!.taken[0]!.asked.path, `/v3/${mailgunDomain}/messages`)
  assert.match(fields.from[0], /Ann Öz.*<ann@example\.com>/)
  assert.match(fields.to.join(), /Bob.*<bob@example\.org>,\s?carl@example\.org/)
  assert.match(fields.cc[0], /Dora.*<dora@example\.org>/)
  assert.deepEqual(fields.bcc, ['eve@example.org'])
  assert.match(fields['h:Reply-To'][0], /Desk.*<desk@example\.com>/)
  assert.deepEqual([fields.subject, fields.text, fields.html], [['Grüße'], ['Hällo.'], [everything.html]])
  assert.deepEqual([fields['h:X-Order'], fields['h:Message-Id']], [['17'], [messageId]])
  assert.deepEqual([fields['o:tag'], fields['v:order'], fields['v:waypost']], [['receipt'], ['17'], [id]])
  const file = async (one: File) => [one.name, Buffer.from(await one.arrayBuffer()).toString('base64')]
  assert.deepEqual(await file(fields.attachment[0]), ['invoice.pdf', invoice])
  assert.deepEqual(await file(fields.inline[0]), ['logo', pixel])
})

test('resend gets all of it', async () => {
  const { fields, messageId } = await sendBy('resend', everything)
  assert.match(fields.from, /Ann Öz.*<ann@example\.com>/)
  assert.match(fields.to.join(), /Bob.*<bob@example\.org>,carl@example\.org/)
  assert.match(fields.cc[0], /Dora.*<dora@example\.org>/)
  assert.deepEqual(fields.bcc, ['eve@example.org'])
  assert.match(fields.reply_to[0], /Desk.*<desk@example\.com>/)
  assert.deepEqual([fields.subject, fields.text, fields.html], ['Grüße', 'Hällo.', everything.html])
  assert.deepEqual(fields.headers, { 'X-Order': '17', 'Message-ID': messageId })
  assert.deepEqual(
    fields.attachments.map((file: Fields) => [file.filename, file.content, file.content_id ?? null]),
    [
      ['invoice.pdf', invoice, null],
      ['logo.png', pixel, 'logo'],
    ],
  )
})

test('a relay gets all of it as MIME', async () => {
  const id = await gateway.send({ ...everything, provider: 'relay' })
  const { messageIdHeader } = await gateway.until(id, 'sent')
  const [received] = relay.received
  assert.deepEqual(
    received!.to.toSorted(),
    ['bob', 'carl', 'dora', 'eve'].map((one) => `${one}@example.org`),
  )
  assert.doesNotMatch(received!.raw.toString(), /eve@|^bcc/im)
  const mail = await PostalMime.parse(received!.raw, { attachmentEncoding: 'base64' })
  assert.deepEqual([mail.from?.name, mail.subject, mail.messageId], ['Ann Öz', 'Grüße', messageIdHeader])
  assert.deepEqual([mail.text?.trim(), mail.html?.trim()], ['Hällo.', everything.html])
  assert.equal(mail.headers.find(({ key }) => key === 'x-order')?.value, '17')
  assert.deepEqual(
    mail.attachments.map(({ filename, content, contentId }) => [filename, String(content).trim(), contentId ?? null]),
    [
      ['logo.png', pixel, '<logo>'],
      ['invoice.pdf', invoice, null],
    ],
  )
})

const signed = `From: ann@example.com
To: bob@example.org
Subject: Signed
Message-ID: <signed@example.com>
MIME-Version: 1.0
Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=b

--b
Content-Type: text/plain

Hi.
--b
Content-Type: application/pgp-signature

-----BEGIN PGP SIGNATURE-----
-----END PGP SIGNATURE-----
--b--
`

test('signed mail passes over a vendor that takes JSON only, and the reason is kept', async () => {
  const id = await submit(signed, ['bob@example.org'])
  const { recipients } = await gateway.until(id, 'sent')
  assert.deepEqual([recipients[0].provider, recipients[0].attempts.length], ['relay', 1])
  assert.ok(relay.received[0]!.raw.toString().endsWith(signed.replaceAll('\n', '\r\n')))
  assert.equal(vendors.postmark!.taken.length, 0)
  const { plans, rejected } = (await gateway.get(`/v1/messages/${id}/explain`)).body
  assert.match(JSON.stringify([plans, rejected]), /"postmark","reason":"takes no raw MIME/)
})

test('mail that is too large for the first goes to the second', async () => {
  const content = Buffer.alloc(8_000_000).toString('base64')
  const mail = { ...everything, tags: ['large'], attachments: [{ filename: 'large.bin', content }] }
  const id = await gateway.send(mail)
  const { recipients } = await gateway.until(id, 'sent')
  assert.deepEqual([recipients[0].provider, recipients[0].attempts.length], ['resend', 1])
  assert.equal((vendors.resend!.taken[0]!.fields as Fields).attachments[0].content, content)
  assert.match(JSON.stringify((await gateway.get(`/v1/messages/${id}/explain`)).body), /takes 10000000 bytes at most/)
})

test('mail that needs all of its tags passes over who would leave some out', async () => {
  const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.', tags: ['a', 'b'] }
  const by = async (type: string) =>
    (await gateway.until(await gateway.send({ ...mail, type }), 'sent')).recipients[0].provider
  assert.deepEqual([await by('transactional'), await by('tagged')], ['postmark', 'relay'])
})

const withImage = `From: =?utf-8?q?Ann_=C3=96z?= <ann@example.com>
To: Bob <bob@example.org>
Cc: Dora <dora@example.org>
Bcc: eve@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
X-Order: 17
Message-ID: <own@example.com>
MIME-Version: 1.0
Content-Type: multipart/related; boundary=r

--r
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

H=C3=A4llo.
--a
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>H=C3=A4llo <img src=3D"cid:logo"></p>
--a--
--r
Content-Type: image/png; name=logo.png
Content-ID: <logo>
Content-Disposition: inline; filename=logo.png
Content-Transfer-Encoding: base64

${pixel}
--r--
`
const all = ['bob@example.org', 'dora@example.org', 'eve@example.org']

test('raw mail with an inline image survives the way through a JSON vendor', async () => {
  const id = await submit(withImage, all)
  await gateway.until(id, 'sent')
  const fields = vendors.postmark!.taken[0]!.fields as Fields
  assert.match(fields.From, /Ann Öz.*<ann@example\.com>/)
  assert.match(`${fields.To}|${fields.Cc}|${fields.Bcc}`, /^"?Bob"? <bob@.*>\|"?Dora"? <dora@.*>\|eve@example\.org$/)
  assert.deepEqual([fields.Subject, fields.TextBody.trim()], ['Grüße', 'Hällo.'])
  assert.match(fields.HtmlBody, /<p>Hällo <img src="cid:logo"><\/p>/)
  const headers = Object.fromEntries(fields.Headers.map(({ Name, Value }: Fields) => [Name, Value]))
  assert.deepEqual([headers['X-Order'], headers['Message-ID']], ['17', '<own@example.com>'])
  assert.deepEqual(
    fields.Attachments.map(({ Name, Content, ContentID }: Fields) => [Name, Content, ContentID]),
    [['logo.png', pixel, 'cid:logo']],
  )
})

test('raw mail goes to mailgun as it is', async () => {
  const raw = withImage.replace('Subject:', 'X-Waypost-Provider: mailgun\nSubject:')
  const id = await submit(raw, all)
  await gateway.until(id, 'sent')
  const [taken] = vendors.mailgun!.taken
  assert.equal(taken!.asked.path, `/v3/${mailgunDomain}/messages.mime`)
  assert.deepEqual(taken!.recipients.toSorted(), all)
  const wire = (taken!.fields.raw as Buffer).toString()
  const expected = withImage.replace(/^Bcc:.*\n/m, '').replaceAll('\n', '\r\n')
  assert.ok(wire.endsWith(expected), wire)
})

test('nobody sees whom the mail was hidden from, whoever carries it', async () => {
  const hidden = ['eve@example.org', 'finn@example.org']
  const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.', bcc: hidden }
  for (const provider of Object.keys(vendors)) {
    const { fields } = await sendBy(provider, mail)
    const seen = JSON.stringify(fields, (name, value) => (name.toLowerCase() === 'bcc' ? undefined : value))
    assert.doesNotMatch(seen, /eve@|finn@/, provider)
    assert.deepEqual(vendors[provider]!.taken[0]!.recipients.toSorted(), ['bob@example.org', ...hidden])
  }
  // With nobody else on it, each gets a mail of their own.
  const { to: _, ...onlyHidden } = mail
  for (const provider of Object.keys(vendors)) {
    vendors[provider]!.taken.length = 0
    await gateway.until(await gateway.send({ ...onlyHidden, provider }), 'sent')
    assert.deepEqual(vendors[provider]!.taken.map(({ recipients }) => recipients.join()).toSorted(), hidden, provider)
  }
})
