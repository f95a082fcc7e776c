/**
 * Tells services how deliveries go: in batches, in the order in which it was written, each until it is taken. How far each has been
 * told is a place among the events, kept in the store, so that a restart goes on; mail knows nothing of it.
 */
import { retryAfter } from '../mail/answer.ts'
import type { DeliveryRecord, ExportAnswer, Exporter } from '../mail/exporter.ts'
import { atMost, Nap } from '../mail/nap.ts'
import { backoff } from '../mail/retry.ts'
import type { Store } from '../store/store.ts'

/** An exporter with its options, as configured. */
interface ExportTarget {
  exporter: Exporter
  options: unknown
}

export interface ExportParts {
  store: Pick<Store, 'records' | 'state' | 'setState'>
  hostname: string
  dice: () => number
  /** Makes one call, ends by itself, and never rejects. */
  post: (call: {
    url: string
    headers: Record<string, string>
    body: string
  }) => Promise<{ status: number; headers: Record<string, string> } | { problem: string }>
  log: Record<'info' | 'warn' | 'error', (details: object, message: string) => void>
}

export interface Exports {
  /** These from now on. One that did not change goes on, also in its being stopped. */
  configure(targets: readonly ExportTarget[]): Promise<void>
  /** Looks at once for what there is to tell, and does not wait any longer for what it waits for. */
  wake(): void
  /** Resolves when calls under way have ended, or after `limit` milliseconds. */
  stop(limit: number): Promise<void>
}

/** Events looked at in one step: the store is not held up by more. */
const step = 200
const pause = { first: 5_000, max: 3_600_000 }

export function startExports(parts: ExportParts): Exports {
  const running = new Map<string, { options: string; export: Export }>()
  return {
    async configure(targets) {
      for (const [name, { options, export: one }] of running) {
        if (targets.some((target) => target.exporter.name === name && JSON.stringify(target.options) === options))
          continue
        running.delete(name)
        await one.stop(1_000)
      }
      for (const target of targets) {
        const { name } = target.exporter
        if (running.has(name)) continue
        running.set(name, { options: JSON.stringify(target.options), export: new Export(target, parts) })
      }
    },
    wake() {
      for (const one of running.values()) one.export.wake()
    },
    async stop(limit) {
      await Promise.all([...running.values()].map((one) => one.export.stop(limit)))
    },
  }
}

class Export {
  readonly #exporter: Exporter
  readonly #options: unknown
  readonly #parts: ExportParts
  readonly #key: string
  readonly #nap = new Nap()
  readonly #loop: Promise<void>
  /** Calls were broken off: what they say means nothing. */
  #cut = false
  #failing = false

  constructor({ exporter, options }: ExportTarget, parts: ExportParts) {
    this.#exporter = exporter
    this.#options = options
    this.#parts = parts
    this.#key = `export:${exporter.name}`
    this.#loop = this.#run()
  }

  wake(): void {
    this.#nap.wake()
  }

  async stop(limit: number): Promise<void> {
    this.#nap.end()
    await atMost(limit, this.#loop)
    this.#cut = true
  }

  async #run(): Promise<void> {
    while (!this.#nap.ended) {
      try {
        if (!(await this.#round())) return
      } catch (error) {
        if (this.#nap.ended) return
        this.#parts.log.error({ err: error, export: this.#exporter.name }, 'an export could not go on; it tries again')
        await this.#nap.sleep(pause.first)
      }
    }
  }

  /** Tells one batch, or waits for there to be one. False when it is over. */
  async #round(): Promise<boolean> {
    const { most, every, types } = this.#exporter
    this.#nap.begin()
    const known = (await this.#parts.store.state(this.#key)) as { after: number } | null
    const batch: DeliveryRecord[] = []
    let after = known?.after ?? null
    for (let more = true; more && batch.length < most && !this.#nap.ended; ) {
      const found = await this.#parts.store.records({ after, types, limit: Math.min(step, most - batch.length) })
      batch.push(...found.rows)
      after = found.last
      more = found.more
    }
    if (batch.length > 0 && !(await this.#tell(batch, true))) return false
    if (after !== known?.after) await this.#parts.store.setState(this.#key, { after })
    if (batch.length < most) await this.#nap.sleep(every)
    return true
  }

  /** Tells these until they are taken or refused for good. False when nothing more is to be told. */
  async #tell(batch: readonly DeliveryRecord[], whole: boolean): Promise<boolean> {
    const { log, dice, post, hostname } = this.#parts
    const { name } = this.#exporter
    for (let tries = 1; !this.#nap.ended; tries++) {
      this.#nap.begin()
      const said = await post(await this.#exporter.request(batch, this.#options, hostname))
      if (this.#cut) return false
      const answer: ExportAnswer = 'status' in said ? this.#exporter.meaning(said.status) : 'later'
      const why = { export: name, records: batch.length, ...('status' in said ? { status: said.status } : said) }
      if (answer === 'taken') {
        if (this.#failing) log.info({ export: name }, 'an export is taken again')
        this.#failing = false
        return true
      }
      if (answer === 'stop') {
        log.error(
          why,
          'an export has stopped: its account is not set up as the config says. It goes on when that changes, or after a restart',
        )
        return false
      }
      if (answer === 'split') {
        if (whole) return this.#tellHalves(batch)
        log.warn({ ...why, first: batch[0]!.event.id }, 'records of an export were refused twice, and are dropped')
        return true
      }
      if (!this.#failing) log.warn(why, 'an export is not taken; it is tried again until it is')
      this.#failing = true
      await this.#nap.sleep(backoff(pause, tries, dice(), 'headers' in said ? retryAfter(said.headers) : 0))
    }
    return false
  }

  async #tellHalves(batch: readonly DeliveryRecord[]): Promise<boolean> {
    const middle = Math.ceil(batch.length / 2)
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (half.length > 0 && !(await this.#tell(half, false))) return false
    }
    return true
  }
}
