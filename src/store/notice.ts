/** Webhooks, and what each is still to be told. */
import type { EventType, MailEvent } from '../mail/event.ts'
import type { Message } from '../mail/message.ts'

/** Where a tenant's events go out to. Its secret is not among what is read back. */
export interface Webhook {
  /** `whk_…` */
  id: string
  tenant: string
  url: string
  /** The events it wants; null for all. */
  types: EventType[] | null
  description: string | null
  /** The vendor in whose words it is told; null for our own. */
  dialect: string | null
  createdAt: number
  /** When its target said that it is gone (410); nothing goes there since. */
  disabledAt: number | null
}

/** One event that one webhook is to be told, leased as a delivery is. */
export interface Notice {
  id: number
  /** The fencing token: how often it was claimed, ever. */
  claims: number
  /** Calls made so far that failed. */
  tries: number
  /** `failures`: calls to it that failed in a row. */
  webhook: Pick<Webhook, 'id' | 'tenant' | 'url' | 'dialect'> & { secret: string; failures: number }
  event: MailEvent
  /** Whose event it is, where the webhook is told in a vendor's words. */
  message: Message | null
}

export interface NoticeSettlement {
  id: number
  /** The claim's token; a settlement whose token is no longer current changes nothing and answers false. */
  claims: number
  /** When to tell it again; null when it is over, told or given up. */
  dueAt: number | null
  /** How the webhook is now. While `waitUntil` is over and not 0, one call at once finds out whether it is well again. */
  webhook: { failures: number; waitUntil: number; disabledAt?: number }
}
