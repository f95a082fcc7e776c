/** SendGrid's `POST /v3/mail/send`, its Email Activity and its suppressions, by its sheet: refuses what SendGrid refuses. */
import { type Asked, type FakeVendor, fakeVendor, json, type Reply, type Taken } from './vendor.ts'

export const sendgridKey = 'SG.fake-key'

/** On its lists, as `GET /v3/suppression/…` gives them. */
export const sendgridLists: Record<string, { email: string; created: number; reason?: string; status?: string }[]> = {
  bounces: Array.from({ length: 501 }, (_, n) => ({
    email: `gone-${n}@example.com`,
    created: 1_700_000_000 + n,
    reason: '550 5.1.1 no such user',
    status: '5.1.1',
  })),
  invalid_emails: [{ email: 'no@domain.test', created: 1_700_000_000, reason: 'Mail domain is unknown' }],
  spam_reports: [{ email: 'cross@example.com', created: 1_700_000_001 }],
  unsubscribes: [{ email: 'leaver@example.com', created: 1_700_000_002 }],
}

export function fakeSendgrid(): Promise<FakeVendor> {
  let serial = 0
  const taken: Taken[] = []
  const desk = (asked: Asked): Reply => {
    if (asked.path === '/v3/messages' && asked.method === 'GET') return activity(asked, taken)
    const list = sendgridLists[asked.path.replace('/v3/suppression/', '')]
    if (list) return page(asked, list)
    if (asked.path !== '/v3/mail/send') return refuse(404, 'not found')
    if (asked.method !== 'POST') return refuse(405, 'method not allowed')
    if (asked.headers.authorization !== `Bearer ${sendgridKey}`) {
      return refuse(401, 'The provided authorization grant is invalid, expired, or revoked')
    }
    if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(415, 'Unsupported content type')
    if (asked.headers.accept !== undefined && !/json|\*\/\*/.test(asked.headers.accept))
      return refuse(406, 'Not acceptable')
    if (asked.body.length > 30_000_000) return refuse(413, 'Payload too large')
    return take(asked, `fake-${++serial}`)
  }
  return fakeVendor(desk, (mail) => taken.push(mail))
}

/** Email Activity: a mail for each recipient, under an id that begins with that of the call. */
function activity(asked: Asked, taken: readonly Taken[]): Reply {
  if (asked.headers.authorization !== `Bearer ${sendgridKey}`) return refuse(401, 'authorization required')
  const [, name, value] = /^\(unique_args\['(\w+)'\]="([^"]*)"\)$/.exec(asked.query.get('query') ?? '') ?? []
  if (name === undefined) return refuse(400, 'invalid query', 'query')
  const limit = Number(asked.query.get('limit') ?? 10)
  if (!(limit > 0 && limit <= 1000)) return refuse(400, 'limit must be from 1 to 1000', 'limit')
  const mails = taken
    .filter(({ fields }) => (fields.custom_args as Record<string, string> | undefined)?.[name] === value)
    .flatMap(({ id, recipients, subject, fields }) =>
      recipients.map((to_email, n) => ({
        from_email: (fields.from as Address).email,
        msg_id: `${id}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.${n}`,
        subject,
        to_email,
        status: 'processed',
        opens_count: 0,
        clicks_count: 0,
        last_event_time: '2026-11-25T12:00:00Z',
      })),
    )
  return json(200, { messages: mails.slice(0, limit) })
}

function page(asked: Asked, list: unknown[]): Reply {
  if (asked.headers.authorization !== `Bearer ${sendgridKey}`) return refuse(401, 'authorization required')
  const limit = Number(asked.query.get('limit') ?? 100)
  if (limit > 500) return refuse(400, 'limit must be at most 500', 'limit')
  const offset = Number(asked.query.get('offset') ?? 0)
  return json(200, list.slice(offset, offset + limit))
}

const known = new Set(
  'personalizations from reply_to reply_to_list subject content attachments headers categories custom_args'.split(' '),
)
const reserved = new Set(
  'x-sg-id x-sg-eid received dkim-signature content-type content-transfer-encoding to from subject reply-to cc bcc'.split(
    ' ',
  ),
)

interface Address {
  email: string
  name?: string
}

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
type Json = any

function take(asked: Asked, id: string): Reply {
  let mail: Json
  try {
    mail = JSON.parse(asked.body.toString())
  } catch {
    return refuse(400, 'Bad Request')
  }
  for (const key of Object.keys(mail)) if (!known.has(key)) return refuse(400, `Invalid field: ${key}`, key)
  if (!Array.isArray(mail.personalizations) || mail.personalizations.length === 0) {
    return refuse(
      400,
      'The personalizations field is required and must have at least one personalization.',
      'personalizations',
    )
  }
  const recipients: string[] = []
  const hidden: string[] = (mail.personalizations?.[0]?.bcc ?? []).map((address: Address) => address.email)
  for (const [i, personalization] of mail.personalizations.entries()) {
    if (!personalization.to?.length) return refuse(400, 'The to array is required', `personalizations.${i}.to`)
    for (const role of ['to', 'cc', 'bcc']) {
      for (const [j, address] of ((personalization[role] ?? []) as Address[]).entries()) {
        const field = `personalizations.${i}.${role}.${j}.email`
        if (!valid(address)) return refuse(400, 'Does not contain a valid address.', field)
        recipients.push(address.email)
      }
    }
    const duplicate = recipients.find((email, at) => recipients.indexOf(email) !== at)
    if (duplicate)
      return refuse(
        400,
        `Each email address in the personalization block should be unique: ${duplicate}`,
        'personalizations',
      )
  }
  if (recipients.length > 1000) return refuse(400, 'Too many recipients', 'personalizations')
  if (!valid(mail.from)) return refuse(400, 'The from email does not contain a valid address.', 'from.email')
  if (mail.from.email.endsWith('@unverified.test')) {
    return refuse(403, 'The from address does not match a verified Sender Identity.', 'from')
  }
  if (typeof mail.subject !== 'string' || mail.subject === '') return refuse(400, 'The subject is required.', 'subject')
  const types = (mail.content ?? []).map((part: Json) => part.type)
  if (types.length === 0) return refuse(400, 'The content is required.', 'content')
  if (types.includes('text/plain') && types[0] !== 'text/plain')
    return refuse(400, 'text/plain must be first.', 'content')
  for (const part of mail.content)
    if (typeof part.value !== 'string' || part.value === '')
      return refuse(400, 'The content value must be a string at least one character in length.', 'content.0.value')
  if (mail.reply_to && mail.reply_to_list) return refuse(400, 'Both reply_to and reply_to_list', 'reply_to')
  for (const [name, value] of Object.entries(mail.headers ?? {})) {
    if (reserved.has(name.toLowerCase())) return refuse(400, `The header ${name} is reserved`, 'headers')
    if (typeof value !== 'string') return refuse(400, 'Header values must be strings', 'headers')
  }
  const categories: string[] = mail.categories ?? []
  if (
    categories.length > 10 ||
    new Set(categories).size !== categories.length ||
    categories.some((each) => each.length > 255)
  ) {
    return refuse(400, 'Too many or duplicate categories', 'categories')
  }
  const args = Object.values(mail.custom_args ?? {})
  if (args.some((value) => typeof value !== 'string') || JSON.stringify(mail.custom_args ?? {}).length > 10_000) {
    return refuse(400, 'Bad Request')
  }
  for (const [i, file] of (mail.attachments ?? []).entries()) {
    if (!file.content || !file.filename) return refuse(400, 'content and filename are required', `attachments.${i}`)
    if (/[;\r\n]/.test(file.type ?? ''))
      return refuse(400, 'The type cannot contain ; or CRLF', `attachments.${i}.type`)
    if (/[<>]/.test(file.content_id ?? '')) return refuse(400, 'content_id', `attachments.${i}.content_id`)
  }
  return {
    status: 202,
    headers: { 'x-message-id': id },
    body: '',
    takes: { id, recipients, hidden, subject: mail.subject, fields: mail },
  }
}

function valid(address: Address | undefined): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address?.email ?? '') && !address!.email.startsWith('bad@')
}

function refuse(status: number, message: string, field: string | null = null): Reply {
  return json(status, { errors: [{ message, field, help: null }] })
}
