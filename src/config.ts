/** The configuration: its type, its schema, its defaults, and the check that says what is wrong and where. */
import type { Key } from './accept/auth.ts'
import type { Priority } from './mail/message.ts'
import type { Provider } from './mail/provider.ts'
import type { RetrySchedule } from './mail/retry.ts'
import type { Policy } from './route/policy.ts'

/** An address to listen on. Port 0 takes a free one. */
export interface Listen {
  host: string
  port: number
}

/** Files read when the config is read, so that a missing one is a config error with its line. */
export interface Tls {
  cert: string
  key: string
}

/** The contract a kind of mail is owed. */
export interface MailType {
  name: string
  /** Milliseconds after acceptance when it is given up. */
  expire: number
  /** What to do when mail left and no answer came back. */
  onUnknown: 'reconcile' | 'hold' | 'failover'
  /** Milliseconds an unknown may wait for evidence before that contract decides. */
  reconcileFor: number
  priority: Priority
  retry: RetrySchedule
  /** Only providers that bear all of these labels may carry it. */
  labels: string[]
}

export interface Config {
  http: { listen: Listen; maxSize: number; tls: Tls | null }
  smtp: {
    listen: Listen
    maxSize: number
    tls: Tls | null
    /** Implicit TLS; needs `tls`. */
    tlsListen: Listen | null
    auth: 'required' | 'optional'
    maxConnections: number
    maxRecipients: number
  }
  /** `sqlite:<path>` for now. */
  store: { kind: 'sqlite'; path: string }
  /** Ended messages are deleted this many milliseconds after acceptance. */
  keep: number
  keys: Key[]
  types: Record<string, MailType>
  providers: Provider[]
  policy: Policy
}

/** One thing wrong with a config: where (1-based), what, and what to do about it. */
export interface ConfigProblem {
  file: string
  line: number
  column: number
  /** `providers.postmark-main.serverToken` */
  path: string
  message: string
}
