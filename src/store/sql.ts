/** The schema, and the way from one version of it to the next. */
import type { Database } from './database.ts'

/** Every step that ever was, in order. A step that has been released is never edited; a change is a new one. */
export const migrations: readonly (readonly string[])[] = [
  [
    // The envelope is JSON; beside it stand only the columns that something searches by. `spool` names the content's rows.
    `CREATE TABLE message (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      tenant TEXT NOT NULL,
      type TEXT NOT NULL,
      status TEXT NOT NULL,
      accepted_at INTEGER NOT NULL,
      spool TEXT NOT NULL,
      pieces INTEGER NOT NULL,
      envelope TEXT NOT NULL
    ) STRICT`,
    `CREATE INDEX message_age ON message (accepted_at)`,
    `CREATE INDEX message_tenant ON message (tenant, accepted_at)`,
    `CREATE INDEX message_status ON message (tenant, status, accepted_at)`,
    `CREATE INDEX message_type ON message (tenant, type, accepted_at)`,

    `CREATE TABLE tag (
      tag TEXT NOT NULL,
      message INTEGER NOT NULL,
      PRIMARY KEY (tag, message)
    ) STRICT, WITHOUT ROWID`,

    `CREATE TABLE recipient (
      message INTEGER NOT NULL,
      idx INTEGER NOT NULL,
      email TEXT NOT NULL,
      status TEXT NOT NULL,
      provider TEXT,
      provider_message_id TEXT,
      dsn TEXT NOT NULL,
      PRIMARY KEY (message, idx)
    ) STRICT, WITHOUT ROWID`,
    // Addresses come in no order: an index over them alone would dirty a page of its own for each recipient (measured: half of
    // what accepting writes). Within a bucket of 4,096 messages the pages are the same few, and a search asks every bucket.
    `CREATE INDEX recipient_email ON recipient (message >> 12, email)`,

    // Ids are never used again: with `claims` they are the fencing token.
    `CREATE TABLE delivery (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      message INTEGER NOT NULL,
      recipients TEXT NOT NULL,
      phase TEXT NOT NULL,
      priority INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      leased INTEGER NOT NULL DEFAULT 0,
      claims INTEGER NOT NULL DEFAULT 0,
      tries INTEGER NOT NULL,
      avoid TEXT NOT NULL,
      unknown TEXT,
      expire_at INTEGER
    ) STRICT`,
    // The order in which claims are made: walked as it lies, nothing is sorted or filtered after it.
    `CREATE INDEX delivery_due ON delivery (priority, due_at)`,
    `CREATE INDEX delivery_message ON delivery (message)`,

    `CREATE TABLE attempt (
      message INTEGER NOT NULL,
      id TEXT NOT NULL,
      provider TEXT NOT NULL,
      at INTEGER NOT NULL,
      ended_at INTEGER,
      recipients TEXT NOT NULL,
      outcomes TEXT,
      plan TEXT NOT NULL,
      PRIMARY KEY (message, id)
    ) STRICT, WITHOUT ROWID`,

    `CREATE TABLE event (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL,
      message INTEGER NOT NULL,
      tenant TEXT NOT NULL,
      type TEXT NOT NULL,
      at INTEGER NOT NULL,
      recipient TEXT,
      provider TEXT,
      provider_message_id TEXT,
      detail TEXT
    ) STRICT`,
    `CREATE INDEX event_message ON event (message)`,
    `CREATE INDEX event_tenant ON event (tenant)`,

    `CREATE TABLE content (
      id INTEGER PRIMARY KEY,
      spool TEXT NOT NULL,
      piece INTEGER NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT`,
    `CREATE UNIQUE INDEX content_spool ON content (spool, piece)`,
    // Spools that no message has taken yet.
    `CREATE TABLE spool (
      name TEXT PRIMARY KEY,
      pieces INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,

    `CREATE TABLE idempotency (
      tenant TEXT NOT NULL,
      key TEXT NOT NULL,
      digest TEXT NOT NULL,
      message TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (tenant, key)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX idempotency_age ON idempotency (at)`,

    `CREATE TABLE suppression (
      tenant TEXT NOT NULL,
      key TEXT NOT NULL,
      reason TEXT NOT NULL,
      source TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (tenant, key)
    ) STRICT, WITHOUT ROWID`,

    `CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,

    `CREATE TABLE usage (
      day TEXT NOT NULL,
      provider TEXT NOT NULL,
      recipients INTEGER NOT NULL,
      PRIMARY KEY (day, provider)
    ) STRICT, WITHOUT ROWID`,
  ],
  [
    // Every commit writes whole pages. A row that is changed must be small, so that the mail under way shares few pages: what is
    // written once stands apart, and small content beside its envelope.
    `CREATE TABLE mail (
      message INTEGER PRIMARY KEY,
      envelope TEXT NOT NULL,
      content BLOB,
      spool TEXT,
      pieces INTEGER NOT NULL
    ) STRICT`,
    `INSERT INTO mail (message, envelope, spool, pieces) SELECT seq, envelope, spool, pieces FROM message`,
    `ALTER TABLE message DROP COLUMN envelope`,
    `ALTER TABLE message DROP COLUMN spool`,
    `ALTER TABLE message DROP COLUMN pieces`,
    // A bucket's index in a page or two.
    `DROP INDEX recipient_email`,
    `CREATE INDEX recipient_address ON recipient (message >> 9, email)`,
    // What is under way, which nobody else writes down.
    `ALTER TABLE delivery DROP COLUMN leased`,
    `CREATE INDEX delivery_claimed ON delivery (message) WHERE claims > 0`,
    // How long mail has waited is asked for every few seconds, and a campaign may wait for tomorrow.
    `ALTER TABLE delivery ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0`,
    `UPDATE delivery SET scheduled = 1 WHERE message IN (SELECT message FROM mail WHERE envelope ->> '$.sendAt' IS NOT NULL)`,
    `CREATE INDEX delivery_waiting ON delivery (message) WHERE phase = 'send' AND scheduled = 0`,
    `UPDATE recipient SET status = 'queued' WHERE status = 'sending'`,
    `UPDATE message SET status = 'queued' WHERE status = 'sending'`,
  ],
  [
    // What vendors told, by the key that makes each event one of a kind there: told again, it is known.
    `CREATE TABLE heard (
      provider TEXT NOT NULL,
      key TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (provider, key)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX heard_age ON heard (at)`,
    // Events of mail that is not known here, or not yet.
    `CREATE TABLE parked (
      provider TEXT NOT NULL,
      key TEXT NOT NULL,
      since INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      event TEXT NOT NULL,
      PRIMARY KEY (provider, key)
    ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX parked_due ON parked (due_at)`,
    // An address may be suppressed for one type of mail, or ('') for all.
    `CREATE TABLE suppression_by_type (
      tenant TEXT NOT NULL,
      key TEXT NOT NULL,
      type TEXT NOT NULL,
      reason TEXT NOT NULL,
      source TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (tenant, key, type)
    ) STRICT, WITHOUT ROWID`,
    `INSERT INTO suppression_by_type SELECT tenant, key, '', reason, source, at FROM suppression`,
    `DROP TABLE suppression`,
    `ALTER TABLE suppression_by_type RENAME TO suppression`,
  ],
  [
    // `state`: live, disabled, or deleted, which is a row only until the last of its notices is gone.
    `CREATE TABLE webhook (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      tenant TEXT NOT NULL,
      url TEXT NOT NULL,
      types TEXT,
      description TEXT,
      dialect TEXT,
      secret TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      state TEXT NOT NULL DEFAULT 'live',
      disabled_at INTEGER,
      failures INTEGER NOT NULL DEFAULT 0,
      wait_until INTEGER NOT NULL DEFAULT 0
    ) STRICT`,
    `CREATE INDEX webhook_tenant ON webhook (tenant)`,
    `CREATE TABLE notice (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      webhook INTEGER NOT NULL,
      event INTEGER NOT NULL,
      at INTEGER NOT NULL,
      due_at INTEGER NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0,
      claims INTEGER NOT NULL DEFAULT 0,
      leased INTEGER NOT NULL DEFAULT 0
    ) STRICT`,
    // By webhook first: whatever waits for a dead one is never walked through to find what is for another.
    `CREATE INDEX notice_due ON notice (webhook, due_at)`,
    `CREATE INDEX notice_leased ON notice (id) WHERE leased = 1`,
  ],
  [
    // How often in a row mail waited without being tried.
    `ALTER TABLE delivery ADD COLUMN waits INTEGER NOT NULL DEFAULT 0`,
    // What is held is counted every few seconds.
    `CREATE INDEX delivery_held ON delivery (id) WHERE phase = 'held' AND unknown IS NOT NULL`,
  ],
  [
    // More is counted than recipients by provider and day: what, in which span of time, is for those who count to say.
    `ALTER TABLE usage RENAME COLUMN day TO span`,
    `ALTER TABLE usage RENAME COLUMN provider TO what`,
    `ALTER TABLE usage RENAME COLUMN recipients TO amount`,
  ],
  [
    // What became of mail, by the hour: few rows, for hosts are named ones. See `stat.ts`.
    `CREATE TABLE stat (
      hour TEXT NOT NULL,
      tenant TEXT NOT NULL,
      provider TEXT NOT NULL,
      type TEXT NOT NULL,
      host TEXT NOT NULL,
      accepted INTEGER NOT NULL,
      deferred INTEGER NOT NULL,
      rejected INTEGER NOT NULL,
      unknown INTEGER NOT NULL,
      delivered INTEGER NOT NULL,
      bounced INTEGER NOT NULL,
      complained INTEGER NOT NULL,
      answers INTEGER NOT NULL,
      latency INTEGER NOT NULL,
      money INTEGER NOT NULL,
      PRIMARY KEY (hour, tenant, provider, type, host)
    ) STRICT, WITHOUT ROWID`,
  ],
  [
    // No table changed: parts are kept in another form (`mail/kept-parts.ts`), which an older Waypost cannot read and this one reads
    // beside the one before.
  ],
]

/** The version of a database's schema; 0 for an empty one. @throws Error when the tables are someone else's */
export function version(db: Database): number {
  const tables = db.all<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
  if (tables.length === 0) return 0
  if (!tables.some((table) => table.name === 'migration')) throw new Error('it is a database, but not one of Waypost’s')
  return db.get<{ version: number }>('SELECT max(version) AS version FROM migration')?.version ?? 0
}

/**
 * Brings the schema up to date, each step in a transaction of its own.
 * @throws Error, before anything was touched, when the schema is newer than this program knows or not Waypost's
 */
export function migrate(db: Database): void {
  const found = version(db)
  if (found > migrations.length) {
    throw new Error(
      `its schema is version ${found}, and this Waypost knows up to ${migrations.length}: run the newer Waypost`,
    )
  }
  for (let step = found; step < migrations.length; step++) {
    db.transaction(() => {
      if (step === 0) db.run('CREATE TABLE migration (version INTEGER PRIMARY KEY) STRICT')
      for (const statement of migrations[step]!) db.run(statement)
      db.run('INSERT INTO migration (version) VALUES (?)', step + 1)
    })
  }
}
