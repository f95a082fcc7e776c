/**
 * Webhooks: where events go out to. Those that are told are kept in memory beside the database, so that mail of a tenant that has
 * none costs a look into a map; when a transaction is undone that memory is thrown away and read anew.
 */
import type { EventType } from '../mail/event.ts'
import type { Database } from './database.ts'
import type { NewEvent, Webhook } from './store.ts'

/** A webhook that is told. */
export interface LiveWebhook {
  seq: number
  id: string
  tenant: string
  url: string
  secret: string
  dialect: string | null
  types: ReadonlySet<EventType> | null
  /** Calls that failed in a row. */
  failures: number
  /** 0 while it is well. */
  waitUntil: number
  /** Nothing of its is due before: a bound, which is made exact whenever nothing is found. */
  due: number
}

interface Memory {
  /** By row, in the order in which it is their turn. */
  all: Map<number, LiveWebhook>
  byTenant: Map<string, LiveWebhook[]>
}

const memories = new WeakMap<Database, Memory>()
const none: readonly LiveWebhook[] = []

/** The tenant's that are told. */
export function webhooksOf(db: Database, tenant: string): readonly LiveWebhook[] {
  return remembered(db).byTenant.get(tenant) ?? none
}

/** All that are told; whoever was served goes to the end. */
export function liveWebhooks(db: Database): Map<number, LiveWebhook> {
  return remembered(db).all
}

/** Reads them anew when next needed. */
export function forgetWebhooks(db: Database): void {
  memories.delete(db)
}

function remembered(db: Database): Memory {
  let memory = memories.get(db)
  if (!memory) {
    const rows = db.all<Omit<LiveWebhook, 'types' | 'due'> & { types: string | null }>(
      `SELECT seq, id, tenant, url, secret, dialect, types, failures, wait_until AS waitUntil FROM webhook
       WHERE state = 'live' ORDER BY seq`,
    )
    const webhooks = rows.map(
      (row): LiveWebhook => ({ ...row, types: row.types === null ? null : new Set(JSON.parse(row.types)), due: 0 }),
    )
    memory = {
      all: new Map(webhooks.map((webhook) => [webhook.seq, webhook])),
      byTenant: Map.groupBy(webhooks, ({ tenant }) => tenant),
    }
    memories.set(db, memory)
  }
  return memory
}

/** Writes down that these are to be told of an event. `seq` is its row. */
export function addNotices(db: Database, webhooks: readonly LiveWebhook[], { type, at }: NewEvent, seq: number): void {
  for (const webhook of webhooks) {
    if (webhook.types !== null && !webhook.types.has(type)) continue
    db.run('INSERT INTO notice (webhook, event, at, due_at) VALUES (?, ?, ?, ?)', webhook.seq, seq, at, at)
    webhook.due = Math.min(webhook.due, at)
  }
}

export function addWebhook(db: Database, webhook: Webhook, secret: string, most: number): boolean {
  const { id, tenant, url, types, description, dialect, createdAt } = webhook
  const { count } = db.get<{ count: number }>(
    `SELECT count(*) AS count FROM webhook WHERE tenant = ? AND state <> 'deleted'`,
    tenant,
  )!
  if (count >= most) return false
  db.run(
    'INSERT INTO webhook (id, tenant, url, types, description, dialect, secret, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    id,
    tenant,
    url,
    types && JSON.stringify(types),
    description,
    dialect,
    secret,
    createdAt,
  )
  forgetWebhooks(db)
  return true
}

/** What waits for it is deleted step by step, by `dropNotices`. */
export function removeWebhook(db: Database, id: string, tenant: string): boolean {
  const removed = db.get(
    `UPDATE webhook SET state = 'deleted' WHERE id = ? AND tenant = ? AND state <> 'deleted' RETURNING seq`,
    id,
    tenant,
  )
  forgetWebhooks(db)
  return removed !== undefined
}

interface WebhookRow {
  id: string
  tenant: string
  url: string
  types: string | null
  description: string | null
  dialect: string | null
  createdAt: number
  disabledAt: number | null
}

const columns =
  'id, tenant, url, types, description, dialect, created_at AS createdAt, disabled_at AS disabledAt FROM webhook'

export function webhooks(db: Database, tenant: string): Webhook[] {
  return db
    .all<WebhookRow>(`SELECT ${columns} WHERE tenant = ? AND state <> 'deleted' ORDER BY seq`, tenant)
    .map(webhookIn)
}

export function webhook(db: Database, id: string, tenant: string): Webhook | null {
  const row = db.get<WebhookRow>(`SELECT ${columns} WHERE id = ? AND tenant = ? AND state <> 'deleted'`, id, tenant)
  return row ? webhookIn(row) : null
}

function webhookIn(row: WebhookRow): Webhook {
  return { ...row, types: row.types === null ? null : JSON.parse(row.types) }
}

export function webhookTenants(db: Database): string[] {
  return [...remembered(db).byTenant.keys()]
}
