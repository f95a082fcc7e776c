/** What the dashboard is given, and the words it needs from other rooms: it imports none of them, so they are said here by shape. */
import type { html } from 'hono/html'
import type { MoveView } from '../mail/move.ts'
import type { BudgetView, LimitView, ProviderView } from '../mail/provider.ts'
import type { Store } from '../store/store.ts'

/** A piece of a page, escaped. */
export type Html = ReturnType<typeof html>

/** Who looks: whose mail they see, and what they may do. `read` sees, `manage` acts. */
export interface Visitor {
  tenant: string
  scopes: readonly string[]
}

export interface DashboardParts {
  store: Pick<Store, 'message' | 'messages' | 'events' | 'content' | 'steer'>
  operations: {
    providers(): ProviderView[]
    budgets(): BudgetView[]
    limits(): LimitView[]
    /** False for no such provider. */
    drain(name: string): Promise<boolean>
    resume(name: string): Promise<boolean>
    moves(): MoveView[]
    /** Begins a move anew that went back. False for no rule that moves. */
    restart(rule: string): boolean
    wake(): void
  }
  /** The rules of a policy that is or was in force; null for none that is kept. */
  policy: (
    version: string,
  ) => Promise<{ version: string; at: number; by: string; current: boolean; rules: string } | null>
  clock: () => number
  /**
   * Who a key is; null when it is none of ours. Asked again at every request, so that a key taken out of the config is out at
   * once. On a gateway without keys everyone is someone, even without a key: then there is no login.
   */
  authenticate: (key: string | null) => Visitor | null
  /** `host:port` of the SMTP listener, shown to newcomers with an empty inbox; null when there is none. */
  smtp: () => string | null
  /** Why the config file, as it stands, could not be taken over; null while it is in force. */
  configProblem: () => string | null
}

/** What the pages carry through a request. */
export type Env = { Variables: { visitor: Visitor; open: boolean } }
