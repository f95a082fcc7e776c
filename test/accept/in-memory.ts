/** The near side of the HTTP API for its tests: a door and a store that keep what they took in memory. */

import type { Hono } from 'hono'
import type { Key } from '../../src/accept/auth.ts'
import { Refusal } from '../../src/accept/refusals.ts'
import type { Receipt, Submission } from '../../src/accept/submit.ts'
import { app } from '../../src/app.ts'
import type { Config } from '../../src/config.ts'
import type { Explanation } from '../../src/gateway.ts'
import type { Dialect } from '../../src/mail/dialect.ts'
import type { MailEvent } from '../../src/mail/event.ts'
import { newId } from '../../src/mail/id.ts'
import { keepParts } from '../../src/mail/kept-parts.ts'
import { type Message, messageStatus, type RecipientStatus } from '../../src/mail/message.ts'
import type { ProviderView } from '../../src/mail/provider.ts'
import type { AttemptView, MessageView, Page, Store, StoredPlan } from '../../src/store/store.ts'

export const now = Date.UTC(2026, 10, 25, 12)

export const plan: StoredPlan = {
  route: 'default',
  policy: 'p1',
  candidates: [{ provider: 'inbox', score: 1, reasons: ['first in its list'] }],
  rejected: [{ provider: 'ses', reason: 'draining' }],
}

export const provider: ProviderView = {
  name: 'inbox',
  adapter: 'inbox',
  state: 'open',
  openUntil: now + 1000,
  reason: 'too many failures',
  observed: null,
  share: 1,
  repeats: 0,
  hosts: [],
  shaped: [],
  labels: [],
  tenants: null,
  domains: null,
  identity: null,
  costPerThousand: 0,
  month: null,
  sentToday: 3,
  perDay: null,
  perSecond: null,
  limits: [],
  warmup: [],
  success: 1,
  latencyMs: 12,
  inFlight: 0,
  hook: null,
}

/** A whole app over maps. `submissions` are those that were taken, in order; `refuse` makes the door say no. */
export function inMemory(
  options: { keys?: Key[]; maxSize?: number; dashboard?: Hono; dialects?: readonly Dialect[] } = {},
) {
  const submissions: Submission[] = []
  const views = new Map<string, MessageView>()
  const contents = new Map<string, Uint8Array[]>()
  const spools = new Map<string, Uint8Array[]>()
  const byKey = new Map<string, { digest: string; receipt: Receipt }>()
  const events: MailEvent[] = []
  const bugs: object[] = []
  const woken: number[] = []
  const drained = new Set<string>()
  const state = { refuse: null as Error | null, steered: 1, notReady: null as string | null }

  function ready() {
    if (state.refuse) throw state.refuse
  }

  async function submit(submission: Submission): Promise<Receipt> {
    ready()
    const { sender, idempotencyKey, digest = '' } = submission
    const key = idempotencyKey === undefined ? null : `${sender.tenant} ${idempotencyKey}`
    const before = key === null ? undefined : byKey.get(key)
    if (before && before.digest !== digest) throw new Refusal('idempotency_reused', 'Another message had this key.')
    if (before) return { ...before.receipt, replayed: true }
    submissions.push(submission)
    const id = newId('msg', now)
    const recipients = submission.recipients.map(({ email, dsn = {} }, index) => {
      const status: RecipientStatus = submission.sendAt === undefined ? 'queued' : 'scheduled'
      return { index, email, status, provider: null, providerMessageId: null, dsn }
    })
    views.set(id, { message: message(id, submission), status: 'queued', recipients, attempts: [] })
    const { content } = submission
    if (content.form === 'parts') contents.set(id, [keepParts(content.parts)])
    else contents.set(id, content.bytes instanceof Uint8Array ? [content.bytes] : spools.get(content.bytes.spool)!)
    event(id, 'accepted')
    const receipt = {
      id,
      replayed: false,
      status: messageStatus(recipients.map((recipient) => recipient.status)),
      recipients: recipients.map(({ email, status }) => ({ email, status })),
    }
    if (key !== null) byKey.set(key, { digest, receipt })
    return receipt
  }

  function event(messageId: string, type: MailEvent['type']) {
    const none = { recipient: null, provider: null, providerMessageId: null, detail: null }
    events.unshift({ id: newId('evt', now), type, at: now, messageId, ...none })
  }

  function attempt(id: string, given: Partial<AttemptView>) {
    views.get(id)!.attempts.push({
      id: newId('att', now),
      at: now,
      provider: 'inbox',
      recipient: 0,
      outcome: 'accepted',
      cause: null,
      code: null,
      reason: null,
      latencyMs: 5,
      plan,
      ...given,
    })
  }

  const mine = (tenant: string, id: string) => {
    const view = views.get(id)
    return view && view.message.tenant === tenant ? view : null
  }

  function page<Row>(rows: Row[], { limit, cursor }: { limit: number; cursor?: string }): Page<Row> {
    if (cursor !== undefined && !/^at-\d+$/.test(cursor)) throw new RangeError('not our cursor')
    const start = cursor === undefined ? 0 : Number(cursor.slice(3))
    return { rows: rows.slice(start, start + limit), next: start + limit < rows.length ? `at-${start + limit}` : null }
  }

  const store: Pick<Store, 'message' | 'messages' | 'events' | 'content' | 'steer'> = {
    message: async (id, tenant) => mine(tenant, id),
    messages: async (query) => {
      const rows = [...views.values()]
        .reverse()
        .filter(
          ({ message, status, recipients }) =>
            message.tenant === query.tenant &&
            (query.status === undefined || query.status === status) &&
            (query.tag === undefined || message.tags.includes(query.tag)) &&
            (query.since === undefined || message.acceptedAt >= query.since) &&
            (query.recipient === undefined || recipients.some(({ email }) => email === query.recipient)),
        )
      return page(rows, query)
    },
    events: async (query) => {
      const rows = events.filter(
        ({ messageId }) =>
          mine(query.tenant, messageId) !== null && (query.messageId === undefined || query.messageId === messageId),
      )
      return page(rows, query)
    },
    async *content(id) {
      yield* contents.get(id) ?? []
    },
    steer: async (id, tenant) => (mine(tenant, id) ? state.steered : null),
  }

  const served = app({
    config: () =>
      ({
        keys: options.keys ?? [],
        http: { maxSize: options.maxSize ?? 1_000_000 },
        types: { transactional: {} },
        signing: null,
        templates: new Map(),
      }) as unknown as Config,
    door: {
      ready,
      submit,
      keep: async (spool, piece) => {
        ready()
        spools.set(spool, [...(spools.get(spool) ?? []), piece.slice()])
      },
      drop: async (spool) => void spools.delete(spool),
    },
    store: store as Store,
    activate: async () => ({ problems: ['there is no config file here'] }),
    operations: {
      explain: async ({ recipients }): Promise<Explanation> => ({
        waits: null,
        plans: [{ ...plan, recipients: recipients.map(({ email }) => email) }],
      }),
      providers: () => [{ ...provider, state: drained.has('inbox') ? 'draining' : 'ready' }],
      budgets: () => [{ name: 'marketing', per: 'month', limit: 500, spent: 410, level: 0.8, until: now + 1000 }],
      limits: () => [{ of: 'tenant', name: 'acme', host: null, per: 'day', used: 3, limit: 10 }],
      drain: async (name) => name === 'inbox' && drained.add(name).size > 0,
      resume: async (name) => drained.delete(name) || name === 'inbox',
      moves: () => [],
      restart: () => false,
      wake: () => void woken.push(now),
    },
    dialects: async () => options.dialects ?? [],
    hooks: { receive: async () => ({ kind: 'nobody', why: 'There is nobody.' }) },
    webhookRefusal: () => null,
    metrics: async () => 'waypost_up 1\n',
    notReady: () => state.notReady,
    clock: () => now,
    ...(options.dashboard ? { dashboard: options.dashboard } : {}),
    log: { error: (details) => void bugs.push(details) },
  })

  /** Asks the app, with a JSON body unless it is text or bytes already. */
  function ask(path: string, init: RequestInit & { json?: unknown; key?: string } = {}): Promise<Response> {
    const { json, key, ...rest } = init
    const headers = new Headers(rest.headers)
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`)
    if (json !== undefined) headers.set('content-type', headers.get('content-type') ?? 'application/json')
    const body = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }
    return Promise.resolve(served.request(path, { ...body, ...rest, headers }))
  }

  return { app: served, ask, submissions, views, contents, spools, events, bugs, woken, state, attempt, event }
}

function message(id: string, submission: Submission): Message {
  const { content, sender } = submission
  const { from, subject, headers } = content.form === 'raw' ? content : content.parts
  return {
    id,
    tenant: sender.tenant,
    type: submission.type ?? 'transactional',
    priority: 'normal',
    via: submission.via,
    returnPath: submission.returnPath,
    from,
    subject,
    messageId: `<${id}@example.com>`,
    acceptedAt: now,
    sendAt: submission.sendAt ?? null,
    expireAt: submission.expireAt ?? now + 86_400_000,
    form: content.form,
    size: content.form === 'raw' ? content.size : 100,
    headers,
    attachments: 0,
    inline: 0,
    rawOnly: false,
    eightBit: false,
    smtpUtf8: submission.smtpUtf8,
    hidden: [],
    tags: submission.tags,
    metadata: submission.metadata,
    provider: submission.provider ?? null,
    dsn: {},
  }
}

/** A message that is taken as it is. */
export const plain = { from: 'Ann <ann@example.com>', to: 'bob@example.net', subject: 'Hello', text: 'Hi Bob' }
