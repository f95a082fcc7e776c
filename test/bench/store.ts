/**
 * How fast the store is: `node test/bench/store.ts [messages] [callers] [bytes]`. Accepts, then whole cycles (accept, claim,
 * record, settle), by so many concurrent callers, into a file under the system's temporary directory.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../src/mail/id.ts'
import type { Message } from '../../src/mail/message.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import type { Arrival, Claim, Store, StoredPlan } from '../../src/store/store.ts'

const [count = 20_000, callers = 50, bytes = 5120] = process.argv.slice(2).map(Number)
const body = new Uint8Array(bytes).fill(65)
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

function arrival(): Arrival {
  const now = Date.now()
  const id = newId('msg', now)
  const email = `someone-${Math.random().toString(36).slice(2)}@example.org`
  const message: Message = {
    id,
    tenant: 'acme',
    type: 'transactional',
    priority: 'normal',
    via: 'smtp',
    returnPath: 'bounces@example.com',
    from: { email: 'ann@example.com', name: 'Ann' },
    subject: 'Your order 17 has left',
    messageId: `<${id}@example.com>`,
    acceptedAt: now,
    sendAt: null,
    expireAt: now + 86_400_000,
    form: 'raw',
    size: bytes,
    headers: [
      ['From', 'Ann <ann@example.com>'],
      ['To', email],
      ['Subject', 'Your order 17 has left'],
      ['Date', 'Wed, 25 Nov 2026 21:31:00 +0000'],
      ['Message-ID', `<${id}@example.com>`],
      ['MIME-Version', '1.0'],
      ['Content-Type', 'text/plain; charset=utf-8'],
    ],
    attachments: 0,
    inline: 0,
    rawOnly: false,
    eightBit: false,
    smtpUtf8: false,
    hidden: [],
    tags: [],
    metadata: { order: '17' },
    provider: null,
    dsn: {},
  }
  const accepted = { type: 'accepted', at: now, recipient: null, provider: null, providerMessageId: null, detail: null }
  return {
    message,
    recipients: [{ index: 0, email, status: 'queued', dsn: {} }],
    dueAt: now,
    events: [{ ...accepted, type: 'accepted' }],
    content: body,
    idempotency: null,
  }
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

/** Runs `work` so many times by so many callers, and tells the rate and the 99th percentile. */
async function time(name: string, times: number, work: () => Promise<void>): Promise<void> {
  const waits: number[] = []
  let left = times
  const started = performance.now()
  const cpu = process.cpuUsage()
  const caller = async () => {
    while (left-- > 0) {
      const before = performance.now()
      await work()
      waits.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  waits.sort((a, b) => a - b)
  const p99 = waits[Math.floor(waits.length * 0.99)]!
  console.log(
    `${name}: ${Math.round(times / seconds)}/s, p99 ${p99.toFixed(1)} ms, ` +
      `${Math.round((used.user + used.system) / times)} µs of processor each`,
  )
}

const directory = await mkdtemp(join(tmpdir(), 'waypost-bench-'))
try {
  const path = join(directory, 'waypost.db')
  const store = await openSqlite({ path })
  await time('accept', count, async () => void (await store.accept(arrival())))
  let claimed: Claim[] = []
  let claiming: Promise<void> | null = null
  const claimMore = async () => {
    const now = Date.now()
    claimed = await store.claim({ now, leaseUntil: now + 60_000, limit: 100, priority: 'low' })
    claiming = null
  }
  const next = async (): Promise<Claim> => {
    for (;;) {
      const claim = claimed.pop()
      if (claim) return claim
      claiming ??= claimMore()
      await claiming
    }
  }
  await time('claim, record, read, settle', count, async () => deliver(store, await next()))
  await time('whole cycle', count, async () => {
    await store.accept(arrival())
    await deliver(store, await next())
  })
  const { size } = await stat(path)
  console.log(`memory ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB, file ${Math.round(size / 2 ** 20)} MB`)
  await store.close()
} finally {
  await rm(directory, { recursive: true })
}
