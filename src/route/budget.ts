/** Budgets: how much money a month or a day may cost, for which mail, and how much of it is spent. Pure: the time is handed in. */
import type { Message } from '../mail/message.ts'
import { type Period, periodAt, type Span } from '../mail/period.ts'
import type { BudgetView } from '../mail/provider.ts'
import { decimal } from './decimals.ts'
import { unit } from './price.ts'

export interface Budget {
  name: string
  /** The mail it is for; null: all. */
  types: readonly string[] | null
  tenants: readonly string[] | null
  providers: readonly string[] | null
  /** Money; null: any. */
  perMonth: number | null
  perDay: number | null
  /** Shares at which it is told of, rising. */
  warn: readonly number[]
}

/** Whether it is for mail of such a type and tenant, at some provider. */
export function covers({ types, tenants }: Budget, { type, tenant }: Pick<Message, 'type' | 'tenant'>): boolean {
  return (types === null || types.includes(type)) && (tenants === null || tenants.includes(tenant))
}

/** Whether it is for mail that goes there. */
export function coversProvider({ providers }: Budget, provider: string): boolean {
  return providers === null || providers.includes(provider)
}

/** What a budget holds for one month or day. Amounts are whole millionths. */
export class Purse {
  budget: Budget
  readonly per: Span
  #limit: number
  #spent: number
  #period: Period
  /** The least that a recipient would have cost who was turned away since money last came back; 0: nobody was. */
  #wanted = 0

  constructor(budget: Budget, per: Span, spent: number, now: number) {
    this.budget = budget
    this.per = per
    this.#limit = limitOf(budget, per)
    this.#spent = spent
    this.#period = periodAt(per, now)
  }

  /** Goes on under another limit: what is spent is spent. */
  change(budget: Budget): void {
    this.budget = budget
    this.#limit = limitOf(budget, this.per)
  }

  /** Why so much may not be spent for so many recipients now, and until when; null when it may. Takes nothing. */
  refusal(amount: number, now: number, recipients = 1): { reason: string; until: number } | null {
    this.#turn(now)
    if (this.#spent + amount <= this.#limit) return null
    const each = amount / recipients
    this.#wanted = this.#wanted === 0 ? each : Math.min(this.#wanted, each)
    const spent = `${decimal(Math.max(this.#spent, 0) / unit, 2)} of ${this.#limit / unit}`
    const when = this.per === 'month' ? 'this month' : 'today'
    const how = this.#isSpent() ? `is spent: ${spent} ${when}` : `has too little left: ${spent} are spent ${when}`
    return { reason: `budget ${this.budget.name} ${how}`, until: this.#period.end }
  }

  /** Nothing is left for anybody who wants it. */
  #isSpent(): boolean {
    return this.#spent >= this.#limit || (this.#wanted > 0 && this.#spent + this.#wanted > this.#limit)
  }

  /** @returns the month or day it was spent in */
  take(amount: number, now: number): Period {
    this.#turn(now)
    this.#spent += amount
    return this.#period
  }

  /** Puts back what was taken in that period; nothing, when that is over. Answers whether mail waits for it. */
  giveBack(amount: number, period: Period): boolean {
    if (period !== this.#period) return false
    this.#spent -= amount
    const wanted = this.#wanted > 0
    this.#wanted = 0
    return wanted
  }

  view(now: number): BudgetView {
    this.#turn(now)
    const share = this.#spent / this.#limit
    const level = this.#isSpent() ? 1 : (this.budget.warn.findLast((warned) => share >= warned) ?? 0)
    const [limit, spent] = [this.#limit / unit, Math.max(this.#spent, 0) / unit]
    return { name: this.budget.name, per: this.per, limit, spent, level, until: this.#period.end }
  }

  #turn(now: number): void {
    if (now < this.#period.end) return
    this.#period = periodAt(this.per, now)
    this.#spent = 0
    this.#wanted = 0
  }
}

function limitOf({ perMonth, perDay }: Budget, per: Span): number {
  return Math.round((per === 'month' ? perMonth! : perDay!) * unit)
}

/** The periods that a budget has a limit for. */
export function periodsOf({ perMonth, perDay }: Budget): Span[] {
  return [...(perMonth === null ? [] : ['month' as const]), ...(perDay === null ? [] : ['day' as const])]
}
