/** The one door: whatever came in by HTTP or SMTP is checked, spooled and committed here, the same way for both. */
import type { Header, Mailbox, Parts } from '../mail/message.ts'
import type { Sender } from './auth.ts'

/** What a listener hands in once it has understood what was asked. Addresses are canonical. */
export interface Submission {
  sender: Sender
  via: 'http' | 'smtp'
  /** `''` is the null reverse-path. */
  returnPath: string
  recipients: { email: string; dsn?: { notify?: string[]; orcpt?: string } }[]
  /** Undefined: `transactional`. */
  type?: string
  tags: string[]
  metadata: Record<string, string>
  sendAt?: number
  expireAt?: number
  /** Pins one provider; needs scope `route`. */
  provider?: string
  idempotencyKey?: string
  /** What the idempotency key stands for; the door adds nothing to it. SHA-256 hex of the request as the client sent it. */
  digest?: string
  smtpUtf8: boolean
  dsn: { ret?: 'FULL' | 'HDRS'; envid?: string }
  content: RawContent | { form: 'parts'; parts: Parts }
}

/** Raw mail as it was streamed in: cleaned of Bcc and `X-Waypost-` fields, our trace headers on top. */
export interface RawContent {
  form: 'raw'
  headers: Header[]
  from: Mailbox
  subject: string
  messageId: string
  size: number
  attachments: number
  inline: number
  eightBit: boolean
  /** Small mail comes whole; larger was kept in pieces under this spool name. */
  bytes: Uint8Array | { spool: string }
}

export interface Receipt {
  id: string
  /** The idempotency key was used before with the same digest: this is the first answer again. */
  replayed: boolean
  status: string
  recipients: { email: string; status: string }[]
}

export interface Door {
  /**
   * Takes one message: checks sender, type, pin and times, drops suppressed recipients, and commits. When it resolves the
   * message is durable.
   * @throws Refusal
   */
  submit(submission: Submission): Promise<Receipt>
  /** Keeps a piece of raw content ahead of its submission, so that nobody gathers a large message in memory. @throws Refusal */
  keep(spool: string, piece: Uint8Array): Promise<void>
  /** Forgets a spool whose submission did not come. Never throws. */
  drop(spool: string): Promise<void>
  /** Throws the refusal that a submission would meet right now whatever it holds (no room, stopping), so that listeners can say it early. */
  ready(): void
}
