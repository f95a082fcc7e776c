/** Money: what each provider has taken this month, and what mail costs there. In memory as in the store, charge by charge. */
import type { Message } from './mail/message.ts'
import type { Outcomes } from './mail/outcome.ts'
import type { Provider } from './mail/provider.ts'
import { Meter } from './route/meter.ts'
import { type Period, periodAt } from './route/period.ts'
import type { Volume } from './route/price.ts'
import type { Count, Store } from './store/store.ts'

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
}

const none: readonly Count[] = []
/** Where nothing is charged. */
const free: Charge = { counts: none, ended: () => none, undo() {} }

export class Spending {
  readonly #store: Pick<Store, 'usage'>
  /** Also of providers that a reload took away: calls under way there still count. */
  readonly #meters = new Map<string, Meter>()

  constructor(store: Pick<Store, 'usage'>) {
    this.#store = store
  }

  /** Takes over prices; what was taken this month stays, and comes from the store for those that were not there before. */
  async configure(providers: readonly Pick<Provider, 'name' | 'cost'>[], now: number): Promise<void> {
    const month = await this.#store.usage(periodAt('month', now).span)
    for (const { name, cost } of providers) {
      const volume = { recipients: month[keys.recipients(name)] ?? 0, bytes: month[keys.bytes(name)] ?? 0 }
      const meter = this.#meters.get(name)
      if (meter) meter.reprice(cost)
      else this.#meters.set(name, new Meter(cost, volume, now))
    }
  }

  meter(provider: string): Meter {
    return this.#meters.get(provider)!
  }

  /** Charges what goes to a provider at this very moment; why it may not go, and then nothing is charged. */
  charge(name: string, { size }: Pick<Message, 'size'>, recipients: number, now: number): Charge | string {
    const meter = this.meter(name)
    if (!meter.charges || recipients === 0) return free
    const weight = meter.weighs ? size : 0
    const volume = { recipients, bytes: recipients * weight }
    const month = meter.take(volume, now)
    return {
      counts: volumeCounts(name, month, volume, 1),
      ended: (outcomes) => {
        const count = notTaken(outcomes)
        const back = { recipients: count, bytes: count * weight }
        if (back.recipients === 0) return none
        meter.giveBack(back, month)
        return volumeCounts(name, month, back, -1)
      },
      undo: () => meter.giveBack(volume, month),
    }
  }
}

/** How the store names what is counted. */
const keys = {
  recipients: (provider: string) => `paid:${provider}`,
  bytes: (provider: string) => `paid bytes:${provider}`,
}

function volumeCounts(provider: string, { span }: Period, { recipients, bytes }: Volume, sign: 1 | -1): Count[] {
  const counted = { span, what: keys.recipients(provider), amount: sign * recipients }
  return bytes === 0 ? [counted] : [counted, { span, what: keys.bytes(provider), amount: sign * bytes }]
}

/** We take it that a vendor charges for what it took, and may have for what nobody knows of: not for what it refused or put off. */
function notTaken(outcomes: Outcomes): number {
  let count = 0
  for (const { kind } of outcomes.values()) if (kind === 'rejected' || kind === 'deferred') count++
  return count
}
