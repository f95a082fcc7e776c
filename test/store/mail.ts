/** Messages, attempts and settlements for tests of the store: the shortest that are whole. */
import { newId } from '../../src/mail/id.ts'
import type { Message, RecipientStatus } from '../../src/mail/message.ts'
import type { Arrival, AttemptStart, Claim, DeliveryPlan, NewEvent, Settlement, Store } from '../../src/store/store.ts'
import { message as example } from '../support/examples.ts'

/** A time all tests start from; the store has no clock of its own. */
export const start = Date.UTC(2026, 10, 25, 21, 30)
export const minute = 60_000

export interface Wanted {
  message?: Partial<Message>
  /** Addresses; the first is recipient 0. */
  to?: string[]
  dueAt?: number
  content?: Arrival['content']
  idempotency?: Arrival['idempotency']
}

export function arrival({ message, to = ['ann@example.org'], dueAt, content, idempotency }: Wanted = {}): Arrival {
  const acceptedAt = message?.acceptedAt ?? start
  const id = newId('msg', acceptedAt)
  return {
    message: example({
      id,
      tenant: 'acme',
      returnPath: 'bounces@example.com',
      from: { email: 'shop@example.com', name: 'Shop' },
      subject: 'Your order',
      messageId: `<${id}@example.com>`,
      acceptedAt,
      expireAt: acceptedAt + 60 * minute,
      form: 'raw',
      size: 12,
      headers: [['X-Order', '17']],
      ...message,
    }),
    recipients: to.map((email, index) => ({ index, email, status: 'queued', dsn: {} })),
    dueAt: dueAt ?? acceptedAt,
    events: [event('accepted', null, acceptedAt)],
    content: content ?? bytes('Subject: hi\r\n'),
    idempotency: idempotency ?? null,
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function event(type: NewEvent['type'], recipient: string | null, at = start): NewEvent {
  return { type, at, recipient, provider: null, providerMessageId: null, detail: null }
}

/** Accepts and answers the message's id. */
export async function accepted(store: Store, wanted: Wanted = {}): Promise<string> {
  const answer = await store.accept(arrival(wanted))
  if (answer.kind !== 'accepted') throw new Error(answer.kind)
  return answer.id
}

export function claimAll(store: Store, now = start): Promise<Claim[]> {
  return store.claim({ now, leaseUntil: now + minute, limit: 100, priority: 'low' })
}

/** Claims the one delivery that is due. */
export async function claimOne(store: Store, now = start): Promise<Claim> {
  const claims = await claimAll(store, now)
  if (claims.length !== 1) throw new Error(`${claims.length} deliveries are due`)
  return claims[0]!
}

export function attempt(claim: Claim, more: Partial<AttemptStart> = {}): AttemptStart {
  return {
    id: newId('att', start),
    delivery: claim.id,
    claims: claim.claims,
    messageId: claim.message.id,
    provider: 'postmark-main',
    at: start,
    recipients: claim.recipients,
    plan: {
      route: 'default',
      policy: 'v1',
      candidates: [{ provider: 'postmark-main', score: 0.8, reasons: ['first in the list'] }],
      rejected: [{ provider: 'ses-eu', reason: 'its breaker is open' }],
    },
    leaseUntil: start + 2 * minute,
    counts: [{ span: '2026-11-25', what: 'postmark-main', amount: claim.recipients.length }],
    ...more,
  }
}

/** Settles a claim: every one of its recipients gets this status, and what is given goes on. */
export function settlement(
  claim: Claim,
  status: RecipientStatus,
  more: Partial<Settlement> & { add?: DeliveryPlan[] } = {},
): Settlement {
  const { add = [], ...rest } = more
  return {
    delivery: claim.id,
    claims: claim.claims,
    messageId: claim.message.id,
    recipients: claim.recipients.map((index) => ({ index, status })),
    events: [],
    suppress: [],
    next: { keep: [], add },
    ...rest,
  }
}

export function plan(recipients: number[], more: Partial<DeliveryPlan> = {}): DeliveryPlan {
  return { recipients, phase: 'send', dueAt: start + 5 * minute, tries: 1, waits: 0, avoid: [], unknown: null, ...more }
}

export async function statuses(store: Store, id: string, tenant = 'acme'): Promise<RecipientStatus[]> {
  return (await store.message(id, tenant))!.recipients.map((recipient) => recipient.status)
}

export async function contentOf(store: Store, id: string): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.content(id)) pieces.push(piece)
  return pieces
}
