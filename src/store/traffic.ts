/** Mail as it was, for whoever goes through it again: what was accepted, what became of it, and what each try was answered. */
import type { Message, RecipientStatus } from '../mail/message.ts'
import type { Cause, OutcomeKind } from '../mail/outcome.ts'

export interface TrafficRow {
  message: Message
  recipients: { email: string; status: RecipientStatus }[]
  /** Those that have ended, in their order. */
  attempts: {
    provider: string
    at: number
    latencyMs: number
    /** One a recipient. */
    outcomes: { recipient: number; outcome: OutcomeKind; cause: Cause | null; code: string | null }[]
  }[]
}

export interface TrafficQuery {
  /** Null: everyone's. */
  tenant: string | null
  /** Accepted from `since` on, and before `until`. */
  since?: number
  until?: number
  limit: number
  cursor?: string
}
