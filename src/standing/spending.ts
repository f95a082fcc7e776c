/** Money: what each provider took this month, what mail costs there, and budgets. In memory as in the store, charge by charge. */
import type { Message } from '../mail/message.ts'
import type { Outcomes } from '../mail/outcome.ts'
import { periodAt } from '../mail/period.ts'
import type { BudgetView, Provider } from '../mail/provider.ts'
import { type Budget, covers, coversProvider, Purse, periodsOf } from '../route/budget.ts'
import { Meter } from '../route/meter.ts'
import type { Count, Store } from '../store/store.ts'

/** What one attempt is charged. */
export interface Charge {
  /** What is counted with the attempt, in the commit that records it. */
  counts: readonly Count[]
  /**
   * Gives back what was charged for recipients that the provider did not take. For an unknown nothing is: it may have.
   * @returns what is counted with the attempt's end
   */
  ended(outcomes: Outcomes): readonly Count[]
  /** Gives all of it back: nothing was sent, nor recorded. */
  undo(): void
  /** What of it stays, in millionths. */
  readonly paid: number
}

type Told = Record<string, { until: number; level: number }>
type Mail = Pick<Message, 'type' | 'tenant' | 'size'>

const none: readonly never[] = []
/** Where nothing is charged. */
const free: Charge = { counts: none, ended: () => none, undo() {}, paid: 0 }

export class Spending {
  readonly #store: Pick<Store, 'usage' | 'state' | 'setState'>
  /** Also of providers and budgets that a reload took away: calls under way still count there. */
  readonly #meters = new Map<string, Meter>()
  readonly #purses = new Map<string, Purse>()
  /** Those in force. */
  #budgets: { budget: Budget; purses: readonly Purse[] }[] = []
  #reopened = false
  /** The levels that were told, by purse, and of which month or day. */
  #told: Told = {}

  constructor(store: Pick<Store, 'usage' | 'state' | 'setState'>) {
    this.#store = store
  }

  /** Takes over prices and budgets; what was counted stays, and comes from the store for those that were not there before. */
  async configure(
    providers: readonly Pick<Provider, 'name' | 'cost'>[],
    budgets: readonly Budget[],
    now: number,
  ): Promise<void> {
    this.#told = ((await this.#store.state(toldKey)) as Told | null) ?? {}
    const usage = {
      month: await this.#store.usage(periodAt('month', now).span),
      day: budgets.some(({ perDay }) => perDay !== null) ? await this.#store.usage(periodAt('day', now).span) : {},
    }
    for (const { name, cost } of providers) {
      const meter = this.#meters.get(name)
      if (meter) meter.reprice(cost)
      else {
        const volume = { recipients: usage.month[keys.paid(name)] ?? 0, bytes: usage.month[keys.bytes(name)] ?? 0 }
        this.#meters.set(name, new Meter(cost, volume, now))
      }
    }
    this.#budgets = budgets.map((budget) => {
      const purses = periodsOf(budget).map((per) => {
        const key = `${per} ${budget.name}`
        const purse = this.#purses.get(key) ?? new Purse(budget, per, usage[per][keys.budget(budget.name)] ?? 0, now)
        purse.change(budget)
        this.#purses.set(key, purse)
        return purse
      })
      return { budget, purses }
    })
  }

  meter(provider: string): Meter {
    return this.#meters.get(provider)!
  }

  /** The budgets that mail of this kind is under, at one provider or another. */
  budgetsOf(mail: Pick<Mail, 'type' | 'tenant'>): readonly Purse[] {
    if (this.#budgets.length === 0) return none
    return this.#budgets.flatMap(({ budget, purses }) => (covers(budget, mail) ? purses : none))
  }

  /**
   * Charges what goes to a provider at this very moment: all of the budgets that it is under, or, where one has too little left, none.
   * @returns why it may not go, when that is so
   */
  charge(name: string, mail: Mail, recipients: number, now: number): Charge | string {
    const meter = this.meter(name)
    if (!meter.charges || recipients === 0) return free
    const weight = meter.weighs ? mail.size : 0
    const volume = (recipients: number) => ({ recipients, bytes: recipients * weight })
    const price = meter.price(volume(recipients), now)
    const purses = price === 0 ? none : this.budgetsOf(mail).filter(({ budget }) => coversProvider(budget, name))
    const refused = refusal(purses, name, price, now, recipients)
    if (refused) return refused.reason
    const month = meter.take(volume(recipients), now)
    const paid = purses.map((purse) => ({ purse, period: purse.take(price, now) }))

    const counts = (recipients: number, money: number): Count[] => {
      const { span } = month
      const taken = { span, what: keys.paid(name), amount: recipients }
      const weighed = weight === 0 ? none : [{ span, what: keys.bytes(name), amount: recipients * weight }]
      const budgets = paid.map(({ purse: { budget }, period: { span } }) => ({
        ...{ span, what: keys.budget(budget.name), amount: money },
      }))
      return [taken, ...weighed, ...budgets]
    }
    let left = price
    const giveBack = (recipients: number, money: number) => {
      left -= money
      meter.giveBack(volume(recipients), month)
      for (const { purse, period } of paid) this.#reopened = purse.giveBack(money, period) || this.#reopened
    }
    return {
      counts: counts(recipients, price),
      ended(outcomes) {
        const back = notTaken(outcomes)
        if (back === 0) return none
        // Each recipient alike; what does not come out even stays paid.
        const money = Math.floor((price * back) / recipients)
        giveBack(back, money)
        return counts(-back, -money)
      },
      undo: () => giveBack(recipients, price),
      get paid() {
        return left
      },
    }
  }

  /** Whether money came back to a budget that mail waits for, since this was last asked. */
  reopened(): boolean {
    const reopened = this.#reopened
    this.#reopened = false
    return reopened
  }

  /** Budgets that passed a level which was not told before, each once in its month or day, over restarts too. */
  news(now: number): BudgetView[] {
    const keyOf = ({ per, name }: BudgetView) => `${per} ${name}`
    const news = this.views(now).filter((view) => {
      const told = this.#told[keyOf(view)]
      return view.level > (told?.until === view.until ? told.level : 0)
    })
    for (const view of news) this.#told[keyOf(view)] = { until: view.until, level: view.level }
    // Told twice is better than never; the store reports its own troubles.
    if (news.length > 0) this.#store.setState(toldKey, this.#told).catch(() => {})
    return news
  }

  views(now: number): BudgetView[] {
    return this.#budgets.flatMap(({ purses }) => purses.map((purse) => purse.view(now)))
  }
}

/** Why so much may not be spent at a provider, by the budget that begins anew last. @param amount in millionths */
export function refusal(purses: readonly Purse[], provider: string, amount: number, now: number, recipients = 1) {
  let last: { reason: string; until: number } | null = null
  if (amount === 0) return last
  for (const purse of purses) {
    if (!coversProvider(purse.budget, provider)) continue
    const refused = purse.refusal(amount, now, recipients)
    if (refused && (last === null || refused.until > last.until)) last = refused
  }
  return last
}

/** Where the store keeps what was told. */
const toldKey = 'budgets told'

/** How the store names what is counted. */
const keys = {
  paid: (provider: string) => `paid:${provider}`,
  bytes: (provider: string) => `paid bytes:${provider}`,
  budget: (budget: string) => `budget:${budget}`,
}

/** We take it that a vendor charges for what it took, and may have for what nobody knows of: not for what it refused or put off. */
function notTaken(outcomes: Outcomes): number {
  let count = 0
  for (const { kind } of outcomes.values()) if (kind === 'rejected' || kind === 'deferred') count++
  return count
}
