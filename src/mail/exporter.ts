/**
 * What an exporter is: everything Waypost knows about a service that is told how deliveries go, as data and functions without I/O.
 * Batches, waiting and retrying happen elsewhere, once for all; nothing of it ever touches mail.
 */
import type { ZodType } from 'zod'
import type { EventType, MailEvent } from './event.ts'
import type { Message } from './message.ts'
import type { Diagnostic } from './outcome.ts'

/** One thing that became of one recipient. */
export interface DeliveryRecord {
  event: MailEvent & { recipient: string }
  message: Pick<Message, 'id' | 'acceptedAt' | 'returnPath' | 'size'>
  /** The attempt for this recipient that came before it; `said` when the event is what that attempt came to. */
  attempt: { at: number; said: Diagnostic | null } | null
}

/** `taken`; `split`: something in the batch is refused; `stop`: the account is not set up; `later`: try the same again. */
export type ExportAnswer = 'taken' | 'split' | 'stop' | 'later'

export interface Exporter<Options = unknown> {
  /** As in the config. */
  name: string
  title: string
  /** The same as for adapters: its check, its JSON Schema and its docs. */
  options: ZodType<Options>
  /** What it is told of. */
  types: readonly EventType[]
  /** Records of one call at most. */
  most: number
  /** Milliseconds that a batch which is not full may wait. */
  every: number
  request(
    records: readonly DeliveryRecord[],
    options: Options,
    hostname: string,
  ): Promise<{ url: string; headers: Record<string, string>; body: string }>
  meaning(status: number): ExportAnswer
}

/** Exporters by name; each is loaded when a config names it. */
export type Exporters = ReadonlyMap<string, () => Promise<Exporter>>

/** Keeps an exporter's option type while checking its shape; use it as `export default exporter({...})`. */
export function exporter<Options>(definition: Exporter<Options>): Exporter<Options> {
  return definition
}
