/** What was accepted, and the people it is for. Nothing here changes after acceptance but a recipient's status. */

/** A person as mail names one. `email` is canonical (see `address.ts`). */
export interface Mailbox {
  email: string
  name?: string
}

/** One header field, unfolded, as it came: `['X-Order', '17']`. */
export type Header = readonly [name: string, value: string]

export type Priority = 'high' | 'normal' | 'low'

/** Bodies and attachments as JSON brought them; composed to RFC 5322 only when a way out asks for raw mail. */
export interface Parts {
  from: Mailbox
  to: Mailbox[]
  cc: Mailbox[]
  replyTo: Mailbox[]
  subject: string
  text?: string
  html?: string
  /** Custom headers only: never From, To, Subject, Content-Type and their like. */
  headers: Header[]
  attachments: Attachment[]
}

export interface Attachment {
  filename: string
  contentType: string
  /** Bare, without angle brackets: `logo` for `<img src="cid:logo">`. */
  contentId?: string
  inline: boolean
  /** Base64, no line breaks: the form in which JSON brings it and JSON vendors take it. */
  content: string
}

/**
 * The form in which a message came and is kept: raw RFC 5322 bytes (SMTP, `message/rfc822`; CRLF line ends, no Bcc, no
 * `X-Waypost-` headers, our trace headers on top), or parts.
 */
export type Form = 'raw' | 'parts'

/** What was accepted. The envelope and the facts routing looks at; the content itself is kept apart from it. */
export interface Message {
  /** `msg_…` */
  id: string
  /** Whose message it is; `''` on a gateway without keys. */
  tenant: string
  type: string
  priority: Priority
  via: 'http' | 'smtp'
  /** The envelope's MAIL FROM; `''` is the null reverse-path of RFC 5321 section 4.5.5. */
  returnPath: string
  /** The header From (its first mailbox). */
  from: Mailbox
  /** Decoded, for people and for routing. */
  subject: string
  /** The Message-ID header with its angle brackets: ours, or the one the raw message brought. The same on every attempt. */
  messageId: string
  /** Milliseconds since the epoch, as every time in Waypost. Becomes the Date header of mail that we compose. */
  acceptedAt: number
  sendAt: number | null
  expireAt: number
  form: Form
  /** Bytes of RFC 5322 when raw; of the parts as kept (JSON, base64) otherwise. */
  size: number
  /** Headers as they came in raw mail (unfolded); the custom ones of parts. */
  headers: Header[]
  attachments: number
  inline: number
  /** Only raw MIME carries it whole: signed, encrypted, reports and the like (see `parse.ts`). */
  rawOnly: boolean
  /** The content has bytes above 127: RFC 6152. */
  eightBit: boolean
  /** An address of the envelope needs SMTPUTF8: RFC 6531. */
  smtpUtf8: boolean
  /** How many stand in Cc; left out where nobody does. */
  cc?: number
  /** How many stand in Reply-To; left out where nobody does. */
  replyTo?: number
  /** Indices of the recipients that stand in neither To nor Cc: what a vendor that mails by headers must be told as bcc. */
  hidden: number[]
  tags: string[]
  metadata: Record<string, string>
  /** A provider's name when the submitter pinned one. */
  provider: string | null
  /** RFC 3461: RET and ENVID of the MAIL command. */
  dsn: { ret?: 'FULL' | 'HDRS'; envid?: string }
}

/** Every status a recipient can have. `sent`: a vendor took it. `delivered`: the recipient's own MX did. */
export const recipientStatuses = [
  'queued',
  'scheduled',
  'sending',
  'deferred',
  'held',
  'sent',
  'delivered',
  'bounced',
  'complained',
  'suppressed',
  'expired',
  'canceled',
  'failed',
] as const
export type RecipientStatus = (typeof recipientStatuses)[number]

/** One RCPT TO, and what became of it. */
export interface Recipient {
  /** Its place in the message, from 0; stable for the message's life. */
  index: number
  email: string
  status: RecipientStatus
  /** The provider that took it, or that said no for good. */
  provider: string | null
  providerMessageId: string | null
  /** RFC 3461: NOTIFY and ORCPT of the RCPT command. */
  dsn: { notify?: string[]; orcpt?: string }
}

export const messageStatuses = ['queued', 'sending', 'held', 'sent', 'partial', 'failed', 'canceled'] as const
export type MessageStatus = (typeof messageStatuses)[number]

const waiting: ReadonlySet<RecipientStatus> = new Set(['queued', 'scheduled', 'deferred'])
const taken: ReadonlySet<RecipientStatus> = new Set(['sent', 'delivered', 'complained'])

/**
 * A message's status from those of its recipients: anything still waiting makes it `queued`, then `sending`, then `held`;
 * after that all taken is `sent`, some taken `partial`, all canceled `canceled`, and none `failed`.
 */
export function messageStatus(recipients: readonly RecipientStatus[]): MessageStatus {
  if (recipients.some((status) => waiting.has(status))) return 'queued'
  if (recipients.includes('sending')) return 'sending'
  if (recipients.includes('held')) return 'held'
  const sent = recipients.filter((status) => taken.has(status)).length
  if (sent > 0) return sent === recipients.length ? 'sent' : 'partial'
  return recipients.length > 0 && recipients.every((status) => status === 'canceled') ? 'canceled' : 'failed'
}
