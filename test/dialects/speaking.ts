/** A gateway that is spoken to as a vendor, in front of a desk of another vendor; and what arrived there, in neutral words. */
import addressparser from 'nodemailer/lib/addressparser'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeSendgrid, sendgridKey } from '../support/fake-vendors/sendgrid.ts'
import type { FakeVendor, Taken } from '../support/fake-vendors/vendor.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

export interface Spoken {
  gateway: Waypost
  /** The other vendor. */
  vendor: FakeVendor
  /** The mails that arrived there since this was last asked, once there are so many. */
  arrived(count: number): Promise<Arrived[]>
}

/** A mail as another vendor got it. */
export interface Arrived {
  from: string
  to: string[]
  cc: string[]
  bcc: string[]
  replyTo: string[]
  subject: string
  text: string | undefined
  html: string | undefined
  headers: Record<string, string>
  tags: string[]
  metadata: Record<string, string>
  attachments: { filename: string; type: string; content: string; contentId: string | undefined; inline: boolean }[]
}

/** @param by the vendor behind the gateway; not the one that is spoken */
export async function spoken(
  story: (spoken: Spoken) => Promise<void>,
  { by = 'sendgrid', more = '' }: { by?: 'sendgrid' | 'postmark'; more?: string } = {},
): Promise<void> {
  const vendor = by === 'sendgrid' ? await fakeSendgrid() : await fakePostmark()
  const settings = by === 'sendgrid' ? `apiKey: ${sendgridKey}` : `serverToken: ${postmarkToken}`
  const config = `
providers: { other: { adapter: ${by}, ${settings}, baseUrl: "${vendor.url}" } }
routes: [{ name: all, use: other }]
${more}`
  let seen = 0
  try {
    await withWaypost(config, (gateway) =>
      story({
        gateway,
        vendor,
        async arrived(count) {
          await eventually(() => vendor.taken.length >= seen + count, `${count} mails arrive`)
          const found = vendor.taken.slice(seen)
          seen = vendor.taken.length
          return found.map(by === 'sendgrid' ? fromSendgrid : fromPostmark)
        },
      }),
    )
  } finally {
    await vendor.close()
  }
}

interface Person {
  email: string
  name?: string
}

const person = ({ email, name }: Person) => (name ? `${name} <${email}>` : email)

function fromSendgrid({ fields }: Taken): Arrived {
  // biome-ignore lint/suspicious/noExplicitAny: the desk has checked it
  const mail = fields as any
  const [{ to, cc = [], bcc = [] }] = mail.personalizations
  const content = (type: string) => mail.content.find((part: { type: string }) => part.type === type)?.value
  const { waypost: _, ...metadata } = mail.custom_args
  const { 'Message-ID': __, ...headers } = mail.headers
  return {
    from: person(mail.from),
    to: to.map(person),
    cc: cc.map(person),
    bcc: bcc.map(person),
    replyTo: (mail.reply_to_list ?? []).map(person),
    subject: mail.subject,
    text: content('text/plain'),
    html: content('text/html'),
    headers,
    tags: mail.categories ?? [],
    metadata,
    attachments: (mail.attachments ?? []).map((one: Record<string, string>) => ({
      filename: one.filename!,
      type: one.type!,
      content: one.content!,
      contentId: one.content_id,
      inline: one.disposition === 'inline',
    })),
  }
}

function fromPostmark({ fields }: Taken): Arrived {
  // biome-ignore lint/suspicious/noExplicitAny: the desk has checked it
  const mail = fields as any
  const people = (list: unknown) =>
    addressparser(String(list ?? ''), { flatten: true }).map(({ address, name }) =>
      person({ email: address ?? '', ...(name ? { name } : {}) }),
    )
  const { waypost: _, ...metadata } = mail.Metadata
  const own = new Set(['Message-ID', 'X-PM-KeepID'])
  const headers = (mail.Headers as { Name: string; Value: string }[]).filter(({ Name }) => !own.has(Name))
  return {
    from: people(mail.From)[0]!,
    to: people(mail.To),
    cc: people(mail.Cc),
    bcc: people(mail.Bcc),
    replyTo: people(mail.ReplyTo),
    subject: mail.Subject,
    text: mail.TextBody,
    html: mail.HtmlBody,
    headers: Object.fromEntries(headers.map(({ Name, Value }) => [Name, Value])),
    tags: mail.Tag === undefined ? [] : [mail.Tag],
    metadata,
    attachments: (mail.Attachments ?? []).map((one: Record<string, string | null>) => ({
      filename: one.Name!,
      type: one.ContentType!,
      content: one.Content!,
      contentId: one.ContentID?.replace(/^cid:/, ''),
      inline: one.ContentID != null,
    })),
  }
}
