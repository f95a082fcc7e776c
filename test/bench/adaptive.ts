/** `adaptive` beside choices that never change, in worlds that are drawn from a seed: no clock, no network, a day in a second. */
import { hashed, uniform } from '../../src/route/chance.ts'
import { Delivered } from '../../src/route/delivered.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { plan, type Standing } from '../../src/route/plan.ts'
import type { Use } from '../../src/route/policy.ts'
import { message, provider } from '../support/examples.ts'
import type { Amounts, Figures, Measure, Road } from './road.ts'

/** How a provider is at an hour of the day: its share of mail that arrives, and of what arrives the share that is complained of. */
type Arm = (hour: number) => { delivered: number; complained: number }

const always = (delivered: number, complained = 0.0005): Arm => {
  const arm = { delivered, complained }
  return () => arm
}

export const worlds: Record<string, Record<string, Arm>> = {
  stable: { a: always(0.97), b: always(0.99), c: always(0.95, 0.003) },
  outage: {
    a: (hour) => ({ delivered: hour >= 8 && hour < 12 ? 0.1 : 0.99, complained: 0.0005 }),
    b: always(0.97),
    c: always(0.95, 0.003),
  },
  decay: {
    a: (hour) => ({ delivered: 0.99 - (0.25 * hour) / 24, complained: 0.0005 + (0.004 * hour) / 24 }),
    b: always(0.97),
    c: always(0.94, 0.003),
  },
}

export const names = ['a', 'b', 'c'] as const
const hour = 3_600_000
const second = 1_000
const every = 4 * second
const day = 24 * hour

export interface Came {
  mails: number
  /** Mail that would have gone well with the best at each moment, by the chances: not a matter of luck. */
  regret: number
  complaints: number
  /** The share of mail at each. */
  shares: Record<string, number>
}

/** A day of mail, one each four seconds, by one way of choosing. */
export function simulate(world: Record<string, Arm>, use: Use, seed: number): Came {
  const policy = compilePolicy({ version: '', rules: [{ name: 'all', when: null, use }] }, () => () => false)
  const figures = new Map(names.map((name) => [name as string, new Delivered()]))
  const providers = new Map(names.map((name) => [name as string, provider(name)]))
  /** What will be told, by the second. */
  const ahead = new Map<number, (() => void)[]>()
  const count: Record<string, number> = { a: 0, b: 0, c: 0 }
  let regret = 0
  let complaints = 0
  let mails = 0
  // What never chooses needs to learn nothing.
  const learns = !('provider' in use)
  for (let now = 0; now < day; now += second) {
    for (const tell of ahead.get(now) ?? []) tell()
    ahead.delete(now)
    if (now % every !== 0) continue
    const id = `msg_${seed}_${mails++}`
    const standing = new Map<string, Standing>()
    for (const name of names) {
      const delivered = figures.get(name)!.at('gmail', now)
      standing.set(name, {
        ...{ provider: providers.get(name)!, costPerThousand: 1, latencyMs: null, success: null, probing: false },
        ...(delivered ? { delivered } : {}),
      })
    }
    const facts = { message: message({ id }), recipient: 'bob@gmail.com', host: 'gmail', tries: 0, now: 0 }
    const input = { policy, facts, asked: { labels: [], needs: [] }, explore: true, avoid: new Map(), standing, now }
    const chosen = plan(input).candidates[0]!.provider
    count[chosen]!++
    const chances = names.map((name) => well(world[name]!(now / hour)))
    regret += Math.max(...chances) - well(world[chosen]!(now / hour))

    // What becomes of this mail is the same whoever draws, so that ways of choosing differ in nothing else.
    const die = (what: string) => uniform(hashed(`${what}\n${id}`))
    const { delivered, complained } = world[chosen]!(now / hour)
    const at = (delay: number, tell: (at: number) => void) => {
      const then = now + Math.max(1, Math.round(delay)) * second
      ahead.set(then, [...(ahead.get(then) ?? []), () => tell(then)])
    }
    const own = figures.get(chosen)!
    const arrives = die('delivered') < delivered
    const complains = arrives && die('complained') < complained
    if (complains) complaints++
    if (!learns) continue
    own.accepted(id, 'gmail', now)
    // Half within eight seconds, one in a hundred after a minute.
    if (arrives) at(-12 * Math.log(die('delay')), (then) => own.ended(id, 'delivered', then))
    if (complains) at(3_600 * (0.5 + 3 * die('when')), (then) => own.complained('gmail', then))
    // Of those that do not arrive half bounce, and of the others nothing is heard.
    if (!arrives && die('bounces') < 0.5) at(30 * die('bounce'), (then) => own.ended(id, 'lost', then))
  }
  const shares = Object.fromEntries(names.map((name) => [name, count[name]! / mails]))
  return { mails, regret, complaints, shares }
}

function well({ delivered, complained }: ReturnType<Arm>): number {
  return delivered * (1 - complained)
}

const leaves: Use[] = names.map((provider) => ({ provider }))
export const adaptiveUse: Use = { adaptive: { of: leaves, explore: 0.05 } }

/** Each choice that never changes, the best of them in hindsight first. */
export function fixed(world: Record<string, Arm>, seed: number): Came[] {
  return leaves.map((use) => simulate(world, use, seed)).sort((a, b) => a.regret - b.regret)
}

export function adaptive(amounts: Amounts): Road {
  const run = (choose: (world: Record<string, Arm>, seed: number) => Came) => {
    let { seed } = amounts
    return async (): Promise<Figures> => {
      const figures: Figures = {}
      for (const [name, world] of Object.entries(worlds)) {
        const { regret, complaints } = choose(world, seed)
        figures[`${name}: regret`] = regret
        figures[`${name}: complaints`] = complaints
      }
      seed++
      return figures
    }
  }
  const measures: Record<string, Measure> = {}
  for (const name of Object.keys(worlds)) {
    for (const what of [`${name}: regret`, `${name}: complaints`]) {
      measures[what] = { unit: 'mails', better: 'less', others: what }
    }
  }
  return {
    name: 'adaptive',
    about: 'a simulated day of 21,600 mails by adaptive, beside the best and the worst choice that never changes',
    beside: ['best fixed', 'worst fixed'],
    measures,
    systems: {
      waypost: run((world, seed) => simulate(world, adaptiveUse, seed)),
      'best fixed': run((world, seed) => fixed(world, seed)[0]!),
      'worst fixed': run((world, seed) => fixed(world, seed).at(-1)!),
    },
  }
}
