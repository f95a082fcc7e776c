/**
 * The moves of the policy in force: how far each is, what was seen of its mail either way, and what happens to it. Nothing here runs by
 * itself: a move is looked at when somebody asks, which every message does.
 */
import type { MoveState, MoveView, Seen } from './mail/move.ts'
import { LastDay, type SavedDay } from './route/last-day.ts'
import { advance, atStart, type Moving, movingOf, nextOf, type Progress } from './route/move.ts'
import { type Move, movesOf, type Policy, providersOf } from './route/policy.ts'
import type { Store } from './store/store.ts'

/** What happened to a move that people want to hear of; `detail` in words. */
export interface MoveTurn {
  rule: string
  what: 'begins' | 'steps' | 'held' | 'goes on' | 'reverted' | 'done' | 'restarted'
  share: number
  detail: string | null
}

interface MovesParts {
  store: Pick<Store, 'state' | 'setState'>
  clock: () => number
  turned: (turn: MoveTurn) => void
}

interface Live {
  rule: string
  move: Move
  /** From whom to whom, as text: another pair is another move. */
  pair: string
  progress: Progress
  days: { from: LastDay; to: LastDay }
  savedAt: number
}

interface Saved {
  pair: string
  progress: Progress
  days: { from: SavedDay; to: SavedDay }
}

/** A move is looked at again after this long, or at the next bad sign; so often its counts are saved. */
const lookEvery = 60_000

export class Moves {
  readonly #parts: MovesParts
  #live = new Map<string, Live>()
  /** Where a provider's signs are counted. */
  #days = new Map<string, LastDay[]>()
  #standing = new Map<string, Moving>()
  #lookAt = Number.POSITIVE_INFINITY

  private constructor(parts: MovesParts) {
    this.#parts = parts
  }

  /** Takes up what an earlier process left in the store. */
  static async open(parts: MovesParts, policy: Pick<Policy, 'rules'>): Promise<Moves> {
    const moves = new Moves(parts)
    await moves.configure(policy)
    return moves
  }

  /** Takes over another policy. A move between the same providers goes on where it is, also by other steps. */
  async configure({ rules }: Pick<Policy, 'rules'>): Promise<void> {
    const live = new Map<string, Live>()
    for (const { name: rule, use } of rules) {
      for (const move of movesOf(use)) {
        const pair = JSON.stringify([providersOf(move.from), providersOf(move.to)])
        live.set(rule, opened({ rule, move, pair }, (await this.#parts.store.state(keyOf(rule))) as Saved | null))
      }
    }
    // Those that are live already went on meanwhile.
    for (const one of live.values()) {
      const before = this.#live.get(one.rule)
      if (before?.pair === one.pair) Object.assign(one, { ...before, move: one.move })
    }
    this.#live = live
    this.#days = new Map()
    for (const { move, days } of live.values()) {
      for (const name of providersOf(move.from)) this.#count(name, days.from)
      for (const name of providersOf(move.to)) this.#count(name, days.to)
    }
    this.#standing = new Map()
    this.#look()
  }

  #count(provider: string, day: LastDay): void {
    this.#days.set(provider, [...(this.#days.get(provider) ?? []), day])
  }

  /** How far the moves are, by their rules, for planning. */
  standing(): ReadonlyMap<string, Moving> {
    if (this.#parts.clock() >= this.#lookAt) this.#look()
    return this.#standing
  }

  /** Counts what became of one mail at a provider, where that matters to a move. */
  readonly note = (provider: string, what: keyof Seen): void => {
    const days = this.#days.get(provider)
    if (!days) return
    for (const day of days) day.count(what, this.#parts.clock())
    if (what !== 'mails') this.#lookAt = 0
  }

  views(): MoveView[] {
    this.standing()
    const now = this.#parts.clock()
    return [...this.#live.values()].map(({ rule, move, progress, days }) => {
      const { state, share, since, trouble } = progress
      return {
        rule,
        from: providersOf(move.from),
        to: providersOf(move.to),
        state,
        share,
        since,
        next: nextOf(progress, move),
        revertsAt: state === 'held' ? trouble!.since + move.revert.after : null,
        reason: trouble?.why ?? null,
        seen: { from: days.from.seen(now), to: days.to.seen(now) },
      }
    })
  }

  /** A move that went back begins anew, and nothing is held against it any more; another stays as it is. False: there is no such move. */
  restart(rule: string): boolean {
    const live = this.#live.get(rule)
    if (!live) return false
    if (live.progress.state !== 'reverted') return true
    live.progress = atStart
    live.days.from.clear()
    live.days.to.clear()
    this.#parts.turned({ rule, what: 'restarted', share: 0, detail: null })
    this.#standing.delete(rule)
    this.#look()
    this.#save(live, this.#parts.clock())
    return true
  }

  #look(): void {
    const now = this.#parts.clock()
    for (const live of this.#live.values()) {
      const { rule, move, days, progress: before } = live
      const progress = advance(before, move, { from: days.from.seen(now), to: days.to.seen(now) }, now)
      live.progress = progress
      const moved = progress.share !== before.share
      const turned = progress.state !== before.state || moved
      if (turned) {
        const { share, trouble } = progress
        this.#parts.turned({ rule, what: what(before.state, progress.state), share, detail: trouble?.why ?? null })
      }
      if (turned || !this.#standing.has(rule)) this.#standing.set(rule, movingOf(progress))
      if (turned || now - live.savedAt >= lookEvery) this.#save(live, now)
    }
    this.#lookAt = this.#live.size === 0 ? Number.POSITIVE_INFINITY : now + lookEvery
  }

  /** A move that cannot be saved still moves; the store reports its own troubles. */
  #save(live: Live, now: number): void {
    const { rule, pair, progress, days } = live
    live.savedAt = now
    const saved: Saved = { pair, progress, days: { from: days.from.saved(), to: days.to.saved() } }
    this.#parts.store.setState(keyOf(rule), saved).catch(() => {})
  }
}

function opened(given: Pick<Live, 'rule' | 'move' | 'pair'>, saved: Saved | null): Live {
  const known = saved?.pair === given.pair ? saved : null
  const days = { from: new LastDay(known?.days.from), to: new LastDay(known?.days.to) }
  return { ...given, progress: known?.progress ?? atStart, days, savedAt: Number.NEGATIVE_INFINITY }
}

const keyOf = (rule: string) => `move:${rule}`

function what(before: MoveState, after: MoveState): MoveTurn['what'] {
  if (after === 'held' || after === 'reverted' || after === 'done') return after
  return before === 'waiting' ? 'begins' : before === 'held' ? 'goes on' : 'steps'
}
