/** A store under work, without a gateway around it. */
import { newId } from '../../src/mail/id.ts'
import type { Header } from '../../src/mail/message.ts'
import type { Arrival, Claim, Store, StoredPlan } from '../../src/store/store.ts'
import { arrival } from '../store/mail.ts'
import { mail } from './loader.ts'

/** Accepted, delivered and settled at once: a gateway under load has about as many under way. */
const callers = 100
const body = new TextEncoder().encode(mail)
const plan: StoredPlan = {
  route: 'default',
  policy: 'a1b2c3d4',
  candidates: ['postmark', 'mailgun', 'ses'].map((provider) => ({
    provider,
    score: 1,
    reasons: ['first of the list'],
  })),
  rejected: [{ provider: 'sendgrid', reason: 'its breaker is open' }],
}

/** A mail of 5 KB with the headers such mail has. */
function order(): Arrival {
  const now = Date.now()
  const id = newId('msg', now)
  const email = `someone-${Math.random().toString(36).slice(2)}@example.org`
  const from = { email: 'ann@example.com', name: 'Ann' }
  const subject = 'Your order 17 has left'
  const messageId = `<${id}@example.com>`
  const headers: Header[] = [
    ['From', 'Ann <ann@example.com>'],
    ['To', email],
    ['Subject', subject],
    ['Date', 'Wed, 25 Nov 2026 21:31:00 +0000'],
    ['Message-ID', messageId],
    ['MIME-Version', '1.0'],
    ['Content-Type', 'text/plain; charset=utf-8'],
  ]
  const dates = { acceptedAt: now, expireAt: now + 86_400_000 }
  const facts = { id, via: 'smtp', from, subject, messageId, headers, size: body.length } as const
  return arrival({ message: { ...facts, ...dates, metadata: { order: '17' } }, to: [email], content: body })
}

async function deliver(store: Store, claim: Claim): Promise<void> {
  const now = Date.now()
  const id = newId('att', now)
  const { id: delivery, claims, message } = claim
  const provider = 'postmark'
  await store.record({
    id,
    delivery,
    claims,
    messageId: message.id,
    provider,
    at: now,
    recipients: [0],
    plan,
    leaseUntil: now + 60_000,
    counts: [{ span: new Date(now).toISOString().slice(0, 10), what: provider, amount: 1 }],
  })
  for await (const _ of store.content(message.id));
  const providerMessageId = 'b7bc2f4a-e38e-4336-af7d-e6c392c2f817'
  await store.settle({
    delivery,
    claims,
    messageId: message.id,
    attempt: {
      id,
      endedAt: Date.now(),
      outcomes: [{ recipient: 0, outcome: 'accepted', cause: null, diagnostic: null }],
    },
    recipients: [{ index: 0, status: 'sent', provider, providerMessageId }],
    events: [{ type: 'sent', at: now, recipient: claim.all[0]!.email, provider, providerMessageId, detail: null }],
    suppress: [],
    next: { keep: [], add: [] },
  })
}

/** Accepts so many messages, all due at once. */
export async function fill(store: Store, count: number): Promise<void> {
  let left = count
  const caller = async () => {
    while (left-- > 0) await store.accept(order())
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

/** Claims so many of the messages that wait and takes each through record, content and settle. */
export async function settleSome(store: Store, count: number): Promise<void> {
  let claimed: Claim[] = []
  let claiming: Promise<void> | null = null
  const claimMore = async () => {
    const now = Date.now()
    claimed = await store.claim({ now, leaseUntil: now + 60_000, limit: callers, priority: 'low' })
    if (claimed.length === 0) throw new Error('nothing is left to claim')
    claiming = null
  }
  let left = count
  const caller = async () => {
    while (left-- > 0) {
      let claim = claimed.pop()
      while (!claim) {
        claiming ??= claimMore()
        await claiming
        claim = claimed.pop()
      }
      await deliver(store, claim)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}
