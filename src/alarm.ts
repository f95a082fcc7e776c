/** What the gateway notices about itself, and which of it an operator must hear of. */
import type { Logger } from 'pino'
import { type Alert, type Alerts, createAlerts, postAlert } from './alert.ts'
import type { Outcomes } from './mail/outcome.ts'
import type { BudgetView } from './mail/provider.ts'
import type { MoveTurn } from './moves.ts'
import type { Turn } from './turns.ts'

export interface Alarm {
  turned: Turn
  moved(turn: MoveTurn): void
  attempted(provider: string, outcomes: Outcomes): void
  /** Mail waits, for nobody can take it before then. */
  stranded(why: string, until: number): void
  /** So many deliveries are held because their fate is unknown. */
  unknowns(count: number): void
  /** A budget passed a level. */
  budget(view: BudgetView): void
}

/** Mail that waits for less is in no trouble: a limit of a second, a probe under way. */
const shortWait = 10_000
/** Mail that waits is looked at again by then, and says so again, or it has found somebody. */
const strandedFor = 2 * 60_000

export interface AlarmParts {
  log: Pick<Logger, 'warn'>
  clock: () => number
  settings: () => { url: string | null; unknowns: number }
  /** Deliveries held because their fate is unknown. */
  unknowns: () => Promise<number>
  /** Budgets that passed a level since this was last asked. */
  budgets: () => readonly BudgetView[]
  counted: (alert: Alert) => void
}

/** The alarm as a gateway has it: into the log, the figures, and to the operator's address. */
export function openAlarm({ log, clock, settings, unknowns, budgets, counted }: AlarmParts): Alarm & {
  /** Looks at what changes by itself. Call it every few seconds; never throws. */
  look(): Promise<void>
  close(): void
} {
  const stopped = new AbortController()
  const alerts = createAlerts((alert) => {
    const { kind, provider, rule, budget, detail } = alert
    log.warn({ alert: kind, provider, rule, budget, detail }, `alert: ${kind}`)
    counted(alert)
    const { url } = settings()
    if (url === null) return
    void postAlert(url, alert, stopped.signal).then((why) => {
      if (why !== null) log.warn({ kind, provider, why }, 'an alert could not be posted')
    })
  })
  const alarm = createAlarm(alerts, clock, () => settings().unknowns)
  return {
    ...alarm,
    async look() {
      alerts.look(clock())
      for (const view of budgets()) alarm.budget(view)
      // A store that fails is told of by whoever needs it.
      const count = await unknowns().catch(() => null)
      if (count !== null) alarm.unknowns(count)
    },
    close: () => stopped.abort(),
  }
}

/** @param tolerated held unknowns that are nothing to speak of */
export function createAlarm(alerts: Alerts, clock: () => number, tolerated: () => number): Alarm {
  /** How many unknowns were held when it was last said, or when it began. */
  let spokenOf = 0
  return {
    turned(provider, what, about) {
      if (what === 'open') {
        alerts.over('breaker closed', provider)
        const until = about?.until ? `, not before ${new Date(about.until).toISOString()}` : ''
        const detail = `${provider} is out of use until it proves itself${until}: ${about?.reason ?? ''}`
        alerts.alert({ kind: 'breaker opened', provider, detail, at: clock() })
      } else if (what === 'closed' && alerts.over('breaker opened', provider)) {
        alerts.alert({ kind: 'breaker closed', provider, detail: `${provider} is back in use`, at: clock() })
      }
    },
    moved({ rule, what, share, detail }) {
      if (what === 'held') {
        const stays = `the move of ${rule} stays at ${Math.round(share * 100)} %: ${detail}`
        alerts.alert({ kind: 'move held', rule, detail: stays, at: clock() })
        return
      }
      alerts.over('move held', rule)
      if (what === 'reverted') {
        const back = `the move of ${rule} went back, all mail goes the old way until it is restarted: ${detail}`
        alerts.alert({ kind: 'move reverted', rule, detail: back, at: clock() })
      } else alerts.over('move reverted', rule)
    },
    attempted(provider, outcomes) {
      for (const outcome of outcomes.values()) {
        if (outcome.kind === 'accepted') alerts.over('credentials refused', provider)
        if (!('cause' in outcome) || outcome.cause !== 'account') continue
        const { code, reason } = outcome.diagnostic
        const detail = `${provider} refuses our account: ${code} ${reason}`
        alerts.alert({ kind: 'credentials refused', provider, detail, at: clock() })
        return
      }
    },
    stranded(why, until) {
      const now = clock()
      if (until - now < shortWait) return
      alerts.alert({ kind: 'no provider left', detail: `mail waits: ${why}`, at: now }, until - now + strandedFor)
    },
    unknowns(count) {
      if (count <= tolerated()) {
        spokenOf = 0
        alerts.over('unknown growing')
      } else if (count >= 2 * spokenOf) {
        if (spokenOf > 0) alerts.over('unknown growing')
        spokenOf = count
        const detail = `${count} deliveries are held because nobody knows whether a provider took them`
        alerts.alert({ kind: 'unknown growing', detail, at: clock() })
      }
    },
    budget({ name, per, limit, spent, level, until }) {
      const now = clock()
      // A level is news, also where the one before it was told a moment ago.
      alerts.over('budget running out', name)
      const kind = level < 1 ? 'budget running out' : 'budget spent'
      const then = level < 1 ? '' : `: what would cost more waits until ${new Date(until).toISOString()}`
      const detail = `budget ${name}: ${spent.toFixed(2)} of ${limit} a ${per} are spent${then}`
      alerts.alert({ kind, budget: name, detail, at: now }, until - now)
    },
  }
}
