/** A gateway in memory for the dashboard's tests: what the pages ask of the store and of the operations, kept in plain arrays. */
import { Hono } from 'hono'
import { localOnly } from '../../src/accept/local-only.ts'
import { dashboard } from '../../src/dashboard/pages.ts'
import type { Visitor } from '../../src/dashboard/parts.ts'
import type { MailEvent } from '../../src/mail/event.ts'
import { newId } from '../../src/mail/id.ts'
import { keepParts } from '../../src/mail/kept-parts.ts'
import { type Message, messageStatus, type Parts, type Recipient } from '../../src/mail/message.ts'
import type { MoveView } from '../../src/mail/move.ts'
import type { BudgetView, LimitView, ProviderView } from '../../src/mail/provider.ts'
import type { AttemptView, MessageQuery, MessageView, Steer, StoredPlan } from '../../src/store/store.ts'

/** Every test looks at this moment. */
export const now = Date.parse('2026-11-25T21:30:00Z')

export interface Given extends Partial<Omit<Message, 'id'>> {
  /** Defaults to one, kept by the inbox. */
  recipients?: Partial<Recipient>[]
  attempts?: Partial<AttemptView>[]
  events?: Partial<MailEvent>[]
  /** Raw bytes, or parts over a plain default. */
  content?: string | Uint8Array | Partial<Parts> | null
}

export const plan: StoredPlan = {
  route: 'default',
  policy: '4f2a9c61d0b7',
  candidates: [{ provider: 'inbox', score: 0, reasons: ['first in the list'] }],
  rejected: [],
}

export const inboxProvider: ProviderView = {
  ...{ name: 'inbox', adapter: 'inbox', state: 'ready', openUntil: null, reason: null, labels: [], costPerThousand: 0 },
  ...{ tenants: null, domains: null, identity: null },
  month: null,
  ...{ sentToday: 0, perDay: null, perSecond: null, success: null, latencyMs: null, inFlight: 0, hook: null },
  ...{ observed: null, share: 1, repeats: 0, hosts: [], shaped: [], limits: [], warmup: [] },
}

const seen = { mails: 12_345, deferred: 401, complained: 12 }
export const move: MoveView = {
  ...{ rule: 'news', from: ['a'], to: ['b'], state: 'held', share: 0.25, since: now - 86_400_000, next: null },
  ...{ revertsAt: now + 86_400_000, reason: '12 complaints of 12345 mails', seen: { from: seen, to: seen } },
}

export function gateway(
  options: {
    keys?: Record<string, Visitor>
    providers?: ProviderView[]
    moves?: MoveView[]
    budgets?: BudgetView[]
    limits?: LimitView[]
  } = {},
) {
  const views: MessageView[] = []
  const events: MailEvent[] = []
  const contents = new Map<string, Uint8Array>()
  const asked = {
    queries: [] as MessageQuery[],
    steered: [] as [string, Steer][],
    woken: 0,
    configProblem: null as string | null,
  }
  const keys = options.keys ?? {}
  const { providers = [{ ...inboxProvider }], moves = [] } = options
  let time = now
  let broken: Error | null = null

  /** Adds a message, newest last; answers its id. */
  function add(given: Given = {}): string {
    const { recipients = [{}], attempts = [], events: happened = [], content, ...facts } = given
    const at = facts.acceptedAt ?? now - 60_000
    const id = newId('msg', at)
    const parts: Parts = {
      ...{
        from: facts.from ?? { email: 'ann@example.com', name: 'Ann' },
        to: [{ email: 'bob@example.net' }],
        cc: [],
        replyTo: [],
      },
      ...{ subject: facts.subject ?? 'Hello', text: 'It works.', headers: [], attachments: [] },
      ...(typeof content === 'object' && content !== null && !(content instanceof Uint8Array) ? content : {}),
    }
    const bytes =
      content instanceof Uint8Array ? content : typeof content === 'string' ? Buffer.from(content) : keepParts(parts)
    if (content !== null) contents.set(id, bytes)
    const form = typeof content === 'string' || content instanceof Uint8Array ? 'raw' : 'parts'
    const people: Recipient[] = recipients.map((recipient, index) => ({
      ...{ index, email: 'bob@example.net', status: 'delivered', provider: 'inbox', providerMessageId: null, dsn: {} },
      ...recipient,
    }))
    const message: Message = {
      ...{
        id,
        tenant: '',
        type: 'transactional',
        priority: 'normal',
        via: 'http',
        returnPath: parts.from.email,
        from: parts.from,
      },
      ...{
        subject: parts.subject,
        messageId: `<${id}@waypost>`,
        acceptedAt: at,
        sendAt: null,
        expireAt: at + 86_400_000,
        form,
      },
      ...{
        size: bytes.length,
        headers: parts.headers,
        attachments: parts.attachments.length,
        inline: 0,
        rawOnly: false,
      },
      ...{ eightBit: false, smtpUtf8: false, hidden: [], tags: [], metadata: {}, provider: null, dsn: {} },
      ...facts,
    }
    views.push({
      message,
      status: messageStatus(people.map(({ status }) => status)),
      recipients: people,
      attempts: attempts.map((attempt) => ({
        ...{ id: newId('att', at), at: at + 1000, provider: 'inbox', recipient: 0, outcome: 'delivered', cause: null },
        ...{ code: null, reason: null, latencyMs: 12, plan },
        ...attempt,
      })),
    })
    for (const event of happened)
      events.push({
        ...{ id: newId('evt', at), type: 'accepted', at, messageId: id, recipient: null, provider: null },
        ...{ providerMessageId: null, detail: null },
        ...event,
      })
    return id
  }

  const find = (id: string, tenant: string) =>
    views.find(({ message }) => message.id === id && message.tenant === tenant) ?? null

  const pages = dashboard({
    store: {
      message: async (id, tenant) => find(id, tenant),
      async messages(query) {
        if (broken) throw broken
        asked.queries.push(query)
        const from = query.cursor === undefined ? 0 : Number(query.cursor)
        if (!Number.isInteger(from)) throw new RangeError('not a cursor of ours')
        const rows = views
          .filter(({ message }) => message.tenant === query.tenant)
          .filter(({ status }) => query.status === undefined || status === query.status)
          .filter(({ recipients }) =>
            recipients.some(
              ({ email, provider }) =>
                (query.recipient === undefined || email === query.recipient) &&
                (query.provider === undefined || provider === query.provider),
            ),
          )
          .toSorted((one, other) => other.message.acceptedAt - one.message.acceptedAt)
        const end = from + query.limit
        return { rows: rows.slice(from, end), next: end < rows.length ? String(end) : null }
      },
      async events(query) {
        const rows = events.filter(({ messageId }) => messageId === query.messageId).toReversed()
        return { rows: rows.slice(0, query.limit), next: null }
      },
      async *content(id) {
        const bytes = contents.get(id) ?? new Uint8Array()
        for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
      },
      async steer(id, tenant, what) {
        const view = find(id, tenant)
        if (!view) return null
        asked.steered.push([id, what])
        return view.recipients.length
      },
    },
    operations: {
      providers: () => providers,
      budgets: () => options.budgets ?? [],
      limits: () => options.limits ?? [],
      async drain(name) {
        const provider = providers.find((one) => one.name === name)
        if (provider) provider.state = 'draining'
        return provider !== undefined
      },
      async resume(name) {
        const provider = providers.find((one) => one.name === name)
        if (provider) provider.state = 'ready'
        return provider !== undefined
      },
      moves: () => moves,
      restart(rule) {
        const move = moves.find((one) => one.rule === rule)
        if (move) move.state = 'moving'
        return move !== undefined
      },
      wake() {
        asked.woken += 1
      },
    },
    policy: async (version) =>
      version === plan.policy
        ? { version, at: time, by: 'waypost.yaml', current: true, rules: 'routes:\n  - name: <b>\n' }
        : null,
    clock: () => time,
    authenticate(key) {
      if (Object.keys(keys).length === 0) return { tenant: '', scopes: ['send', 'read', 'route', 'manage'] }
      return key !== null && Object.hasOwn(keys, key) ? keys[key]! : null
    },
    smtp: () => '127.0.0.1:2525',
    configProblem: () => asked.configProblem,
  })
  const app = new Hono().route('/', pages)
  localOnly(app, () => Object.keys(keys).length === 0, '/hooks/')
  return {
    app,
    add,
    asked,
    keys,
    /** Makes the store throw this. */
    breakStore(error: Error) {
      broken = error
    },
    /** Lets time pass. */
    pass(ms: number) {
      time += ms
    },
  }
}
