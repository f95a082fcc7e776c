/**
 * Copies of a part of a rule's mail, for a provider that keeps them in the gateway. A copy is a message of its own; it never costs
 * the original anything, and never leaves.
 */
import { newId } from './mail/id.ts'
import type { Message, Recipient } from './mail/message.ts'
import { drawn } from './route/chance.ts'
import type { Mirror } from './route/policy.ts'
import type { Arrival, Claim, Store } from './store/store.ts'

export interface MirrorParts {
  store: Pick<Store, 'accept' | 'keep' | 'drop' | 'content'>
  clock: () => number
  wake: () => void
  /** Told when a copy could not be made; the original knows nothing of it. */
  unmirrored: (error: unknown, message: Message) => void
}

/** Makes the copy of a claimed message where it is one of those that are copied: once, when it is tried first. Never throws. */
export async function mirrored(
  parts: MirrorParts,
  mirror: Mirror,
  { message, content, tries, waits }: Claim,
  recipients: readonly Recipient[],
): Promise<void> {
  if (tries > 0 || waits > 0 || drawn(message.id, mirror.to) >= mirror.share) return
  const { store, clock, wake, unmirrored } = parts
  const now = clock()
  const id = newId('msg', now)
  try {
    const copy = copyOf(message, mirror, { id, now })
    const { kind } = await store.accept({
      message: copy,
      recipients: recipients.map(({ index, email }) => ({ index, email, status: 'queued', dsn: {} })),
      dueAt: now,
      events: [accepted(message, recipients.length, now)],
      content: content ?? { spool: await spooled(store, message.id, id) },
      // After a crash it may be tried first once more.
      idempotency: { key: `mirror ${message.id} ${recipients.map(({ index }) => index)}`, digest: '' },
    })
    if (kind === 'accepted') wake()
  } catch (error) {
    await store.drop(id).catch(() => {})
    unmirrored(error, message)
  }
}

function copyOf(message: Message, { to, tenant }: Mirror, { id, now }: { id: string; now: number }): Message {
  return {
    ...message,
    id,
    tenant,
    priority: 'low',
    acceptedAt: now,
    sendAt: null,
    provider: to,
    metadata: { ...message.metadata, mirrorOf: message.id },
    dsn: {},
  }
}

function accepted({ id }: Message, recipients: number, at: number): Arrival['events'][number] {
  const detail = `a copy of ${id}, for ${recipients}: it is kept here and sent to nobody`
  return { type: 'accepted', at, recipient: null, provider: null, providerMessageId: null, detail }
}

/** The content once more, piece by piece, under a spool of its own. */
async function spooled(store: MirrorParts['store'], from: string, spool: string): Promise<string> {
  for await (const piece of store.content(from)) await store.keep(spool, piece)
  return spool
}
