/** What happened to a message, one row each, in the order in which it was recorded. */

export const eventTypes = [
  'accepted',
  'sent',
  'deferred',
  'delivered',
  'bounced',
  'complained',
  'opened',
  'clicked',
  'unsubscribed',
  'rejected',
  'suppressed',
  'expired',
  'held',
  'failover',
  'canceled',
] as const
export type EventType = (typeof eventTypes)[number]

export interface MailEvent {
  /** `evt_…` */
  id: string
  type: EventType
  at: number
  messageId: string
  /** Canonical address; null for what concerns the whole message. */
  recipient: string | null
  provider: string | null
  providerMessageId: string | null
  /** Why, in one line for people. */
  detail: string | null
}
