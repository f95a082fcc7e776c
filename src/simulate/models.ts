/** How each provider of a config is taken to answer: from what is on record of it, of another of its vendor, or by assumption. */
import type { Provider } from '../mail/provider.ts'
import { uniform } from '../route/chance.ts'
import type { Answers } from './recorded.ts'
import type { Model } from './vendors.ts'

/** What the figures of a provider rest on. */
export interface Basis {
  provider: string
  /** Calls on record that its model was made from; 0 where it is assumed. */
  calls: number
  /** The provider whose record stands in; its own name where it is its own, null where all is assumed. */
  from: string | null
  model: Model
}

/** Fewer calls than this say too little. */
const enough = 20

/** Spread around a middle as answers of vendors are: half of them within a third of it, one in a hundred four times as long. */
function around(milliseconds: number): number[] {
  return Array.from({ length: 1_000 }, (_, number) => {
    const [a, b] = [uniform(number * 2 + 1), uniform(number * 2 + 2)]
    const normal = Math.sqrt(-2 * Math.log(a)) * Math.cos(2 * Math.PI * b)
    return Math.round(milliseconds * Math.exp(0.6 * normal))
  }).sort((a, b) => a - b)
}

/** Of a vendor, of a relay, and of recipients' own hosts. */
const middle = { http: 200, sdk: 200, smtp: 200, mx: 1_500, keep: 1 }

/** What is assumed where nothing is known: 1 call in 1,000 a fault, 1 in 10,000 without an answer, 2 in 1,000 deferred by the host. */
function assumed({ adapter }: Provider): Model {
  const latencies = around(middle[adapter.send.kind])
  return { latencies, fault: 0.001, unknown: 0.0001, throttled: 0, host: 0.002 }
}

/** @param answers what is on record @param vendors the adapter of each provider on record, by its name */
export function basesOf(
  providers: readonly Provider[],
  answers: ReadonlyMap<string, Answers>,
  vendors: ReadonlyMap<string, string>,
): Basis[] {
  const known = [...answers].filter(([, { calls, model }]) => calls >= enough && model.latencies.length > 0)
  return providers.map((provider) => {
    const own = known.find(([name]) => name === provider.name)
    const like = own ?? known.find(([name]) => vendors.get(name) === provider.adapter.name)
    if (like) return { provider: provider.name, calls: like[1].calls, from: like[0], model: like[1].model }
    return { provider: provider.name, calls: 0, from: null, model: assumed(provider) }
  })
}
