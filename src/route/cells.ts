/**
 * How one provider does at each mailbox host: a vendor may be well and yet be deferred or blocked by one of them. Each host has a
 * cell that counts what became of mail there, and is passed over while it goes badly. Pure: time and dice are handed in.
 */
import type { SickHost } from '../mail/provider.ts'
import { isRepeat, shutFor } from '../mail/retry.ts'
import { counted, empty, faded, type Tally } from '../mail/tally.ts'

interface Cell {
  tally: Tally
  /** The same by type of mail; for hosts that we know by name. */
  types: Map<string, Tally>
  /** When a probe may go; null while it is well. */
  shutUntil: number | null
  /** A probe is under way and gets this long. */
  probeUntil: number
  /** How often it fell ill again soon after it had been well. */
  repeats: number
  wellSince: number | null
  /** What was seen when it fell ill. */
  seen: { bad: number; of: number }
}

/** What is worth keeping over a restart: the sick and those that were. */
export type SavedCells = [host: string, cell: Pick<Cell, 'shutUntil' | 'repeats' | 'wellSince' | 'seen'>][]

/** What became of mail: `undone`: counted bad, and went well in the end; `spoiled`: counted good, and was deferred or blocked later. */
export type Became = 'good' | 'bad' | 'undone' | 'spoiled'

const counts: Record<Became, { good?: number; bad?: number }> = {
  good: { good: 1 },
  bad: { bad: 1 },
  undone: { good: 1, bad: -1 },
  spoiled: { good: -1, bad: 1 },
}

/** What a cell says about mail to its host: `shut`: not now; `probe`: one mail, to see whether it is well again. */
export interface Sickness {
  say: 'shut' | 'probe'
  until: number
  /** For people: `sick at outlook: 14 of 20 deferred or blocked of late`. */
  words: string
}

const halfLife = 5 * 60_000
/** Answers that it takes to call a host sick; half of them must be bad. */
const enough = 10
/** A parent's word counts like this many answers of the cell's own. */
const leaning = 10
/** How long a host is passed over at first, and at most. */
const first = 2 * 60_000
const longest = 30 * 60_000
/** Hosts kept, and types of mail at each. */
const mostHosts = 300
const mostTypes = 20

export class Cells {
  readonly #cells = new Map<string, Cell>()
  /** Some host that many domains share is passed over, so that it is worth knowing who is behind a domain. */
  anySick = false

  constructor(saved: SavedCells = []) {
    for (const [host, kept] of saved.slice(-mostHosts)) this.#cells.set(host, { ...fresh(), ...kept })
    this.#look()
  }

  #look(): void {
    this.anySick = [...this.#cells].some(([host, { shutUntil }]) => shutUntil !== null && isKnown(host))
  }

  /**
   * Counts what became of mail at a host.
   * @returns what changed by it
   */
  note(host: string, type: string, what: Became, { now, die }: { now: number; die: number }): 'sick' | 'well' | null {
    const known = isKnown(host)
    const bad = what === 'bad' || what === 'spoiled'
    // Most mail goes to hosts of one domain that never do any harm: those are not kept.
    if (!bad && !known && !this.#cells.has(host)) return null
    const cell = this.#touch(host)
    const more = counts[what]
    cell.tally = counted(cell.tally, more, now, halfLife)
    if (known && (cell.types.has(type) || cell.types.size < mostTypes)) {
      cell.types.set(type, counted(cell.types.get(type) ?? empty, more, now, halfLife))
    }
    const turn = turned(cell, bad, { now, die })
    if (turn !== null) this.#look()
    return turn
  }

  /** What it says about mail to a host; null: nothing against it. */
  at(host: string, now: number): Sickness | null {
    const cell = this.#cells.get(host)
    if (!cell || cell.shutUntil === null) return null
    const words = `sick at ${host}: ${cell.seen.bad} of ${cell.seen.of} deferred or blocked of late`
    if (now < cell.shutUntil) return { say: 'shut', until: cell.shutUntil, words }
    if (now < cell.probeUntil) return { say: 'shut', until: cell.probeUntil, words: `${words}; a probe is under way` }
    return { say: 'probe', until: now, words }
  }

  /** A mail goes there, which is the probe when one is due: until then, or until it tells, no other goes. */
  goes(host: string, now: number, until: number): void {
    const cell = this.#cells.get(host)
    if (cell && cell.shutUntil !== null && now >= cell.shutUntil) cell.probeUntil = until
  }

  /**
   * The share of good answers for a type of mail at a host. A cell with few answers leans on its parents: type at the host, the
   * host, the provider.
   * @param parent the provider's own; null when it has not answered yet
   * @returns `at`: the host, when it is its answers that speak
   */
  success(host: string, type: string, parent: number | null, now: number): { success: number | null; at?: string } {
    const cell = this.#cells.get(host)
    if (!cell) return { success: parent }
    const there = faded(cell.tally, now, halfLife)
    const byHost = lean(there, parent)
    const byType = cell.types.get(type)
    const success = byType ? lean(faded(byType, now, halfLife), byHost) : byHost
    return there.good + there.bad >= enough ? { success, at: host } : { success }
  }

  sick(now: number): SickHost[] {
    const hosts: SickHost[] = []
    for (const [host, { shutUntil, probeUntil, seen, repeats, tally }] of this.#cells) {
      if (shutUntil === null) continue
      const state = now < shutUntil ? 'shut' : 'probing'
      const until = state === 'shut' ? shutUntil : Math.max(probeUntil, shutUntil)
      const { good, bad } = faded(tally, now, halfLife)
      // After a restart nothing is counted but what was seen then.
      const success = good + bad < 1 ? 1 - seen.bad / Math.max(seen.of, 1) : good / (good + bad)
      hosts.push({ host, state, until, ...seen, success, repeats })
    }
    return hosts
  }

  saved(): SavedCells {
    return [...this.#cells].flatMap(([host, { shutUntil, repeats, wellSince, seen }]) =>
      shutUntil === null && wellSince === null ? [] : [[host, { shutUntil, repeats, wellSince, seen }]],
    )
  }

  /** A host's cell, as the one used last: who was not used for longest makes room, the well first. */
  #touch(host: string): Cell {
    const cell = this.#cells.get(host) ?? fresh()
    this.#cells.delete(host)
    if (this.#cells.size >= mostHosts) {
      const [well] = [...this.#cells].find(([, { shutUntil }]) => shutUntil === null) ?? this.#cells.keys()
      this.#cells.delete(well as string)
    }
    this.#cells.set(host, cell)
    return cell
  }
}

/** A mailbox provider that we know by a name of its own, which is never a domain. */
export function isKnown(host: string): boolean {
  return !host.includes('.')
}

function fresh(): Cell {
  return {
    tally: empty,
    types: new Map(),
    shutUntil: null,
    probeUntil: 0,
    repeats: 0,
    wellSince: null,
    seen: { bad: 0, of: 0 },
  }
}

function isSick({ good, bad }: Tally): boolean {
  return good + bad >= enough && bad >= good
}

/** What one more answer makes of a cell. */
function turned(cell: Cell, bad: boolean, { now, die }: { now: number; die: number }): 'sick' | 'well' | null {
  if (cell.shutUntil === null) return bad && isSick(cell.tally) ? fallIll(cell, now, die) : null
  // While it is passed over, what comes in was on its way before.
  if (now < cell.shutUntil) return null
  if (bad) return fallIll(cell, now, die)
  Object.assign(cell, { shutUntil: null, probeUntil: 0, wellSince: now, tally: empty })
  cell.types.clear()
  return 'well'
}

function fallIll(cell: Cell, now: number, die: number): 'sick' {
  const { good, bad } = cell.tally
  if (cell.shutUntil === null) {
    const again = cell.wellSince !== null && isRepeat(now - cell.wellSince, first, cell.repeats)
    cell.repeats = again ? cell.repeats + 1 : 0
    cell.seen = { bad: Math.round(bad), of: Math.round(good + bad) }
  }
  cell.shutUntil = now + shutFor(first, cell.repeats, die, longest)
  cell.probeUntil = 0
  cell.wellSince = null
  return 'sick'
}

function lean({ good, bad }: Tally, parent: number | null): number | null {
  const own = good + bad
  if (parent === null) return own === 0 ? null : good / own
  return (good + leaning * parent) / (own + leaning)
}
