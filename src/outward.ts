/** What goes out besides mail: events to webhooks, and deliveries to services that are told of them. */
import { hostname } from 'node:os'
import type { Config } from './config.ts'
import { guardedHttp } from './send/guarded-http.ts'
import { type ExportParts, startExports } from './track/export.ts'
import { type Notifier, type NotifierParts, startNotifier } from './track/notify.ts'

export interface OutwardParts extends Pick<NotifierParts, 'clock' | 'dice' | 'counted' | 'log'> {
  store: NotifierParts['store'] & ExportParts['store']
  /** The config of this moment. */
  config: () => Pick<Config, 'webhooks' | 'exports'>
}

export interface Outward {
  /** Why events may not go out to this address; null when they may, as far as it shows. */
  refusal(url: string): string | null
  start(): Promise<void>
  /** Something happened to this tenant's mail. */
  wake(tenant: string): void
  /** Webhooks were added or removed. */
  changed(): void
  /** The config was changed. */
  configure(): Promise<void>
  /** Cuts off what has not ended after `limit` milliseconds: it is told again. */
  stop(limit: number): Promise<void>
}

export function outward({ store, clock, dice, counted, log, config }: OutwardParts): Outward {
  const strangers = guardedHttp({ allowPrivate: () => config().webhooks.allowPrivate })
  // Where services are is said by whoever runs this machine.
  const services = guardedHttp({ allowPrivate: () => true, timeout: 60_000 })
  const exports = startExports({ store, hostname: hostname(), dice, post: services.post, log })
  let notifier: Notifier | undefined
  return {
    refusal: strangers.refusal,
    async start() {
      notifier = startNotifier({ store, clock, dice, post: strangers.post, counted, log })
      await exports.configure(config().exports)
    },
    wake: (tenant) => notifier?.wake(tenant),
    changed: () => notifier?.changed(),
    configure: () => exports.configure(config().exports),
    async stop(limit) {
      await Promise.all([notifier?.stop(limit), exports.stop(limit)])
      strangers.close()
      services.close()
    },
  }
}
