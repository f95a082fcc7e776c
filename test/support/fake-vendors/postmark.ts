/** Postmark's `POST /email`, its message search and its suppressions, by its sheet: refuses what Postmark refuses. */
import { randomUUID } from 'node:crypto'
import { mailboxes } from './mailboxes.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from './vendor.ts'

export const postmarkToken = 'fake-server-token'

/** Of its message stream. */
export const postmarkSuppressions = [
  ['leaver', 'ManualSuppression', 'Recipient'],
  ['ours', 'ManualSuppression', 'Customer'],
  ['gone', 'HardBounce', 'Recipient'],
  ['cross', 'SpamComplaint', 'Recipient'],
].map(([name, SuppressionReason, Origin]) => ({
  EmailAddress: `${name}@example.com`,
  SuppressionReason,
  Origin,
  CreatedAt: '2019-12-17T08:58:33-05:00',
}))

export interface FakePostmark extends FakeVendor {
  /** Lower-case addresses that are suppressed there. */
  inactive: Set<string>
}

export async function fakePostmark(): Promise<FakePostmark> {
  const inactive = new Set<string>()
  const vendor = await fakeVendor((asked) => {
    if (asked.headers['x-postmark-server-token'] !== postmarkToken) {
      return refuse(401, 10, 'Request does not contain a valid Server token.')
    }
    if (asked.method === 'GET' && asked.path === '/messages/outbound') return search(asked, vendor)
    if (asked.method === 'GET' && asked.path === '/message-streams/outbound/suppressions/dump') {
      return json(200, { Suppressions: postmarkSuppressions })
    }
    if (asked.path !== '/email' || asked.method !== 'POST') return { status: 404, body: '' }
    if (asked.headers.accept !== 'application/json') return refuse(422, 409, 'The JSON headers are missing.')
    if (!asked.headers['content-type']?.startsWith('application/json')) return { status: 415, body: '' }
    if (asked.body.length > 10_000_000) return { status: 413, body: '' }
    return take(asked, inactive)
  })
  return Object.assign(vendor, { inactive })
}

const known = new Set(
  'From To Cc Bcc ReplyTo Subject HtmlBody TextBody Headers Tag Metadata MessageStream Attachments TrackOpens TrackLinks'.split(
    ' ',
  ),
)
const ofFields = new Set('from to cc bcc subject reply-to content-type date'.split(' '))

function take(asked: Asked, inactive: Set<string>): Reply {
  let mail: Record<string, string | undefined>
  try {
    mail = JSON.parse(asked.body.toString())
  } catch {
    return refuse(422, 402, 'Received invalid JSON input.')
  }
  for (const key of Object.keys(mail)) if (!known.has(key)) return refuse(422, 403, `Invalid request field(s): ${key}`)
  const from = mailboxes(mail.From)
  if (from.length !== 1) return refuse(422, 300, `Invalid 'From' address: '${mail.From}'.`)
  if (from[0]!.endsWith('@unverified.test')) {
    return refuse(422, 400, `The 'From' address you supplied (${from[0]}) is not a Sender Signature on your account.`)
  }
  const recipients: string[] = []
  for (const role of ['To', 'Cc', 'Bcc'] as const) {
    for (const email of mailboxes(mail[role])) {
      if (email.startsWith('bad@') || /[^\0-\x7f]/.test(email))
        return refuse(422, 300, `Invalid '${role}' address: '${email}'.`)
      recipients.push(email)
    }
  }
  if (recipients.length === 0) return refuse(422, 300, 'Zero recipients specified')
  if (recipients.length > 50) return refuse(422, 300, 'The total number of recipients must be at most 50.')
  if (!mail.HtmlBody && !mail.TextBody) return refuse(422, 300, 'Provide either email TextBody or HtmlBody or both.')
  const problem = fieldProblem(mail)
  if (problem) return problem
  const dropped = recipients.filter((email) => inactive.has(email.toLowerCase())).map((email) => email.toLowerCase())
  if (dropped.length === recipients.length) {
    return refuse(
      422,
      406,
      `You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: ${dropped.join(', ')}. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.`,
    )
  }
  const id = randomUUID()
  const kept = recipients.filter((email) => !dropped.includes(email.toLowerCase()))
  const message =
    dropped.length === 0
      ? 'OK'
      : `Message OK, but will not deliver to these inactive addresses: ${dropped.join(', ')}. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression.`
  return {
    ...json(200, { To: mail.To, SubmittedAt: new Date().toISOString(), MessageID: id, ErrorCode: 0, Message: message }),
    takes: { id, recipients: kept, hidden: mailboxes(mail.Bcc), subject: mail.Subject ?? '', fields: mail },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client sent
function fieldProblem(mail: any): Reply | null {
  if (mail.MessageStream !== undefined && mail.MessageStream !== 'outbound') {
    return refuse(422, 1235, `The message stream '${mail.MessageStream}' was not found.`)
  }
  if (mail.Tag !== undefined && (typeof mail.Tag !== 'string' || mail.Tag.length > 1000)) return refuse(422, 300, 'Tag')
  const pairs = Object.entries<unknown>(mail.Metadata ?? {})
  if (pairs.length > 10 || pairs.some(([key, value]) => key.length > 20 || String(value).length > 80)) {
    return refuse(422, 300, 'Metadata: too many pairs, or too long')
  }
  for (const { Name, Value } of mail.Headers ?? []) {
    if (ofFields.has(String(Name).toLowerCase()) || typeof Value !== 'string') {
      return refuse(422, 300, `Header '${Name}' not allowed.`)
    }
  }
  for (const file of mail.Attachments ?? []) {
    if (/\.(exe|bat|vbs)$/i.test(file.Name)) return refuse(422, 411, 'Attachment type not allowed.')
    if (!file.Name || typeof file.Content !== 'string' || !file.ContentType)
      return refuse(422, 300, 'Attachment incomplete')
    if (file.ContentID && !file.ContentID.startsWith('cid:')) return refuse(422, 300, 'ContentID')
  }
  return null
}

/** `GET /messages/outbound`: the fields of the SDK's `OutboundMessage` that matter here. */
function search(asked: Asked, vendor: FakeVendor): Reply {
  if (!asked.query.has('count') || !asked.query.has('offset')) return refuse(422, 300, 'count and offset are required')
  const recipient = asked.query.get('recipient')
  const messages = vendor.found
    .filter((mail) => recipient === null || mail.recipients.includes(recipient))
    .map((mail) => ({ MessageID: mail.id, Recipients: mail.recipients, Metadata: mail.fields.Metadata ?? {} }))
  return json(200, { TotalCount: messages.length, Messages: messages })
}

function refuse(status: number, ErrorCode: number, Message: string): Reply {
  return json(status, { ErrorCode, Message })
}
