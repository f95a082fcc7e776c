/** The way in to a provider: a place for the call, the money for it, and room in its limits; all of them or none. */
import { domainOf } from '../mail/address.ts'
import type { Message, Recipient } from '../mail/message.ts'
import { loadOf, type Taken } from './calls.ts'
import type { Charge } from './spending.ts'
import type { Standings } from './standing.ts'

/** What was taken at a provider: the charge, of limits at which time, and how its place is left. */
export interface Entered extends Taken {
  charge: Charge
  leave: () => void
}

export interface Entry {
  message: Message
  recipients: readonly Recipient[]
  /** Milliseconds that it may wait for a place; null: as long as it takes. */
  within: number | null
  /** It is asked of what it may have taken: no host need be well, and under the same key nothing is sent, or paid for, twice. */
  again: boolean
  lastResort: boolean
}

/** Takes a place at a provider, and of budgets and limits; answers why not, when there is none. */
export async function enter(
  standings: Standings,
  name: string,
  { message, recipients, within, again, lastResort }: Entry,
  clock: () => number,
): Promise<Entered | string> {
  const { priority } = message
  const leave = await standings.enter(name, { priority, domain: domainOf(recipients[0]!.email), within })
  if (!leave) return 'has as many calls under way as it may have at once'
  const at = clock()
  const charge = standings.spending.charge(name, message, again ? 0 : recipients.length, at)
  if (typeof charge === 'string') {
    leave()
    return charge
  }
  const met = standings.take(name, loadOf(message, recipients), at, { asked: again, lastResort })
  if (typeof met !== 'string') return { leave, charge, at, counts: met.counts(at), shared: standings.shared(message) }
  charge.undo()
  leave()
  return met
}
