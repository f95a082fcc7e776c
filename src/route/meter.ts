/** What a provider has taken this month, and what one message more costs there. Pure: the time is handed in. */

import { type Period, periodAt } from '../mail/period.ts'
import type { Cost, MonthView } from '../mail/provider.ts'
import type { Figures } from './measure.ts'
import { bill, charges, flat, forecast, freeLeft, marginal, price, step, type Volume } from './price.ts'

export class Meter {
  #cost: Cost
  /** Where the price never depends on anything: asked for every message, it is made once. */
  #flat: Pick<Figures, 'costPerThousand'> | null
  #month: Period
  #volume: Volume

  /** @param volume what it took this month already */
  constructor(cost: Cost, volume: Volume, now: number) {
    this.#cost = cost
    this.#flat = flatFigures(cost)
    this.#volume = { ...volume }
    this.#month = periodAt('month', now)
  }

  /** Goes on by another price list: what it took this month it took. */
  reprice(cost: Cost): void {
    this.#cost = cost
    this.#flat = flatFigures(cost)
  }

  /** Whether anything is counted of it. */
  get charges(): boolean {
    return charges(this.#cost)
  }

  /** Whether a message's size matters. */
  get weighs(): boolean {
    return this.#cost.perGigabyte > 0
  }

  /** What mail of so many bytes to one recipient more costs now, per 1,000 such. */
  figures(size: number, now: number): Pick<Figures, 'costPerThousand' | 'step'> {
    if (this.#flat !== null) return this.#flat
    this.#turn(now)
    const each = marginal(this.#cost, this.#volume, { recipients: 1, bytes: size })
    // To a millionth: what lies beyond is how numbers are kept.
    const costPerThousand = Math.round(each * 1_000 * 1e6) / 1e6
    const at = step(this.#cost, this.#volume)
    return at === null ? { costPerThousand } : { costPerThousand, step: at }
  }

  /** What so much more costs now, in whole millionths. */
  price(more: Volume, now: number): number {
    this.#turn(now)
    return price(this.#cost, this.#volume, more)
  }

  /** Counts what goes there now. @returns the month it was counted in */
  take({ recipients, bytes }: Volume, now: number): Period {
    this.#turn(now)
    this.#volume.recipients += recipients
    this.#volume.bytes += bytes
    return this.#month
  }

  /** Takes back what was counted in a month and not taken there; nothing, when that month is over. */
  giveBack({ recipients, bytes }: Volume, month: Period): void {
    if (month !== this.#month) return
    this.#volume.recipients -= recipients
    this.#volume.bytes -= bytes
  }

  /** Null of one that costs nothing. */
  view(now: number): MonthView | null {
    this.#turn(now)
    if (!this.charges && this.#cost.monthly === 0) return null
    return {
      spent: bill(this.#cost, this.#volume),
      forecast: forecast(this.#cost, this.#volume, this.#month, now),
      freeLeft: freeLeft(this.#cost, this.#volume),
    }
  }

  #turn(now: number): void {
    if (now < this.#month.end) return
    this.#month = periodAt('month', now)
    this.#volume = { recipients: 0, bytes: 0 }
  }
}

function flatFigures(cost: Cost): Pick<Figures, 'costPerThousand'> | null {
  const costPerThousand = flat(cost)
  return costPerThousand === null ? null : { costPerThousand }
}
