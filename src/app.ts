/** Mounts every HTTP route of the gateway on one Hono app; knows no runtime. */
import type { Door } from './accept/submit.ts'
import type { Config } from './config.ts'
import type { Operations } from './gateway.ts'
import type { Store } from './store/store.ts'

export interface AppParts {
  /** Read at each request, so that a reloaded config takes over between two requests. */
  config: () => Config
  door: Door
  store: Store
  operations: Operations
  /** Prometheus text. */
  metrics: () => Promise<string>
  /** Null when ready, else why not: `/readyz` answers 503 with it. */
  notReady: () => string | null
  clock: () => number
}
