/**
 * What vendors tell us: their calls checked, each event joined to its mail, and written down once with what follows from it. Pure
 * but for the store and the clock, which are handed in.
 */

import { canonicalOrNull, suppressionKey } from '../mail/address.ts'
import type { Fetch } from '../mail/fetch.ts'
import type { Message, RecipientStatus } from '../mail/message.ts'
import { diagnostic } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'
import {
  type HookAnswer,
  type HookCall,
  type ProviderEvent,
  type ProviderEventType,
  UnreadableHook,
} from '../mail/webhook.ts'
import type { Heard, NewEvent, Parked, Place, Store, Suppression, Told } from '../store/store.ts'

export interface InboundParts {
  store: Pick<Store, 'attribute' | 'hear' | 'parked' | 'nextParked'>
  clock: () => number
  provider: (name: string) => Provider | undefined
  /** Whether an unsubscribe from mail of this type suppresses the address for it. */
  unsubscribes: (type: string) => boolean
  /** Whether the words about a bounce are known to be a block, whatever the vendor takes it for. */
  blocks: (provider: string, recipient: string, words: string) => boolean
  /** What checking a call may fetch: a certificate. */
  fetch: Fetch
  /** Told of every event that is new, after it was written down. */
  heard: (message: Pick<Message, 'id' | 'tenant'>, events: readonly NewEvent[]) => void
  /** A provider that was given up tells that it took what another took as well. */
  duplicate: (provider: string) => void
  /** Told of every event that is new, for what it says of the provider. */
  news: (provider: string, news: News) => void
  /** Told of every call: how many of its events were new, known before or parked, or why it was refused. */
  called: (provider: string, what: Counted | { refused: string }) => void
}

/** What became of one mail, as its provider told it. */
export interface News {
  messageId: string
  tenant: string
  recipient: string
  /** The kind of mail. */
  mailType: string
  type: ProviderEventType
  bounce: 'hard' | 'soft' | 'block' | null
  /** In the vendor's words, or the mailbox host's: hostile text. */
  words: string | null
}

interface Counted {
  fresh: number
  known: number
  parked: number
}

/** What became of a call. */
type Received =
  | { kind: 'taken' }
  | { kind: 'answer'; answer: HookAnswer }
  /** There is no such provider, or its vendor calls nobody. */
  | { kind: 'nobody'; why: string }
  | { kind: 'forged'; why: string }
  | { kind: 'unreadable'; why: string }

export interface Inbound {
  /** @throws what the store throws: the vendor is to call again */
  receive(provider: string, call: HookCall): Promise<Received>
  /** Looks again at events whose mail was not known when they came. */
  lookAgain(): Promise<void>
}

/** How long an event waits for its mail to be known here. */
const parkedFor = 24 * 3_600_000
/** An event may come before our own commit of the call it is about. */
const firstLook = 2_000
const atOnce = 100
/** Whoever's clock runs ahead of ours: an event never happened later than soon. */
const ahead = 5 * 60_000

export function createInbound(parts: InboundParts): Inbound {
  const { store, clock, called } = parts
  /** Something may be parked. */
  let waiting = true

  async function take(
    provider: string,
    events: readonly { event: ProviderEvent; since: number | null }[],
  ): Promise<void> {
    const now = clock()
    const places = await store.attribute(
      provider,
      events.map(({ event }) => ({
        messageId: event.messageId,
        providerMessageId: event.providerMessageId,
        recipient: event.recipient === null ? null : canonicalOrNull(event.recipient),
      })),
    )
    const news = new Map<string, News>()
    const told: Told = { provider, at: now, heard: [], park: [], unpark: [] }
    for (const [at, { event: read, since }] of events.entries()) {
      const place = places[at]
      const event = place ? believed(provider, read, place) : read
      if (place) {
        for (const heard of meaning(provider, event, place, now, parts.unsubscribes(place.type))) {
          told.heard.push(heard)
          const { type, bounce = null, detail: words } = event
          const recipient = heard.events[0]!.recipient!
          const { messageId, tenant, type: mailType } = place
          news.set(heard.key, { messageId, tenant, recipient, mailType, type, bounce, words })
        }
      } else if (since === null) told.park.push({ key: event.key, dueAt: now + firstLook, event })
      if (since !== null && (place || now - since > parkedFor)) told.unpark.push(event.key)
    }
    const fresh = await store.hear(told)
    waiting ||= told.park.length > 0
    called(provider, { fresh: fresh.length, known: told.heard.length - fresh.length, parked: told.park.length })
    for (const { key, messageId, tenant, events, duplicate } of fresh) {
      parts.heard({ id: messageId, tenant }, events)
      parts.news(provider, news.get(key)!)
      if (duplicate) parts.duplicate(provider)
    }
  }

  /** A block that is known for one, though the vendor takes it for the mailbox's end. */
  function believed(provider: string, event: ProviderEvent, { recipients }: Place): ProviderEvent {
    const { type, detail } = event
    if (type !== 'bounced' || detail === null) return event
    return recipients.some(({ email }) => parts.blocks(provider, email, detail)) ? { ...event, bounce: 'block' } : event
  }

  return {
    async receive(name, call) {
      const provider = parts.provider(name)
      const hook = provider?.adapter.webhook
      const refuse = <Kind extends 'nobody' | 'forged' | 'unreadable'>(kind: Kind, why: string) => {
        called(provider ? name : '', { refused: kind })
        return { kind, why }
      }
      if (!provider || !hook) return refuse('nobody', 'There is no provider of this name that calls us.')
      // Looking whether the address is there.
      if (call.method === 'GET' || call.method === 'HEAD') return { kind: 'taken' }
      const options = provider.options as Record<string, unknown>
      const missing = hook.secrets.filter((secret) => options[secret] === undefined)
      if (missing.length > 0) {
        return refuse('forged', `Nothing can be checked before the provider's ${missing.join(' and ')} is configured.`)
      }
      if (!(await hook.verify(call, options, parts.fetch))) {
        return refuse('forged', 'The signature or the secret of this call is not right.')
      }
      const answer = await hook.answer?.(call, options, parts.fetch)
      if (answer) return { kind: 'answer', answer }
      let events: ProviderEvent[]
      try {
        events = hook.read(call, options)
      } catch (error) {
        if (!(error instanceof UnreadableHook)) throw error
        return refuse('unreadable', `This is not what the vendor sends: ${error.message}.`)
      }
      for (let at = 0; at < events.length; at += atOnce) {
        await take(
          name,
          events.slice(at, at + atOnce).map((event) => ({ event, since: null })),
        )
      }
      return { kind: 'taken' }
    },

    async lookAgain() {
      if (!waiting) return
      waiting = (await store.nextParked()) !== null
      if (!waiting) return
      const byProvider = Map.groupBy(await store.parked(clock(), atOnce), ({ provider }: Parked) => provider)
      for (const [provider, entries] of byProvider) await take(provider, entries)
    },
  }
}

/** What a recipient becomes by an event; null where it changes nothing. */
const statuses: Record<ProviderEventType, RecipientStatus | null> = {
  accepted: 'sent',
  deferred: null,
  delivered: 'delivered',
  bounced: 'bounced',
  rejected: 'bounced',
  suppressed: 'suppressed',
  complained: 'complained',
  opened: null,
  clicked: null,
  unsubscribed: null,
}

/** What follows from an event, for each recipient that it is about. */
function meaning(
  provider: string,
  event: ProviderEvent,
  { messageId, tenant, type, recipients }: Place,
  now: number,
  unsubscribes: boolean,
): Heard[] {
  const at = Math.min(event.at ?? now, now + ahead)
  const detail = event.detail === null ? null : diagnostic('', event.detail).reason
  return recipients.map(({ index, email }) => {
    const said = { at, recipient: email, provider, providerMessageId: event.providerMessageId }
    const suppress = suppressionFor(
      event,
      { tenant, key: suppressionKey(email), source: provider, at: now },
      type,
      unsubscribes,
    )
    // That it was taken is what our own call said, unless that call's answer was lost.
    const events: NewEvent[] = [
      { ...said, type: event.type === 'accepted' ? 'sent' : event.type, detail: withClass(event, detail) },
    ]
    if (suppress) events.push({ ...said, type: 'suppressed', detail: `${suppress.reason} told by ${provider}` })
    return {
      key: recipients.length === 1 ? event.key : `${event.key}|${index}`,
      messageId,
      tenant,
      recipient: index,
      events,
      status: statuses[event.type],
      suppress,
    }
  })
}

/** Only a mailbox that does not exist, a complaint, or an unsubscribe from mail that one can unsubscribe from. */
function suppressionFor(
  { type, bounce }: ProviderEvent,
  entry: Pick<Suppression, 'tenant' | 'key' | 'source' | 'at'>,
  mailType: string,
  unsubscribes: boolean,
): Suppression | null {
  if (type === 'bounced' && bounce === 'hard') return { ...entry, type: '', reason: 'bounce' }
  if (type === 'complained') return { ...entry, type: '', reason: 'complaint' }
  if (type === 'unsubscribed' && unsubscribes) return { ...entry, type: mailType, reason: 'unsubscribe' }
  return null
}

function withClass({ type, bounce }: ProviderEvent, detail: string | null): string | null {
  if (type !== 'bounced' || bounce === undefined) return detail
  return detail === null ? `${bounce} bounce` : `${bounce} bounce: ${detail}`
}
