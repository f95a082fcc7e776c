/** Counts wrong keys by client address, so that guessing is slowed down for the guesser and for nobody else. */
import { isIPv6 } from 'node:net'

const window = 10 * 60_000
const allowed = 10
const mostAddresses = 10_000

/**
 * A right key always gets in: keys cannot be guessed, so the limit saves work and logs and must never lock out the honest
 * client that shares its address with a misconfigured one.
 */
export class FailedLogins {
  readonly #clock: () => number
  /** In the order in which the counts began. */
  readonly #counts = new Map<string, { since: number; count: number }>()

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Notes a failure. @returns whether the client has had more than enough of them lately and should be sent away */
  tooMany(address: string): boolean {
    const client = network(address)
    const now = this.#clock()
    let entry = this.#counts.get(client)
    if (entry === undefined || now - entry.since > window) {
      this.#counts.delete(client)
      entry = { since: now, count: 0 }
      this.#counts.set(client, entry)
      if (this.#counts.size > mostAddresses) this.#counts.delete(this.#counts.keys().next().value!)
    }
    entry.count++
    return entry.count > allowed
  }
}

/** One subscriber: an IPv4 address, or the /64 of an IPv6 address in the canonical form in which sockets and URLs write it. */
function network(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  if (tail !== undefined) while (groups.length + rest.length < 8) groups.push('0')
  return [...groups, ...rest].slice(0, 4).join(':')
}
