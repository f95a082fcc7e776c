/** The picture of a simulation. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { chart } from '../../src/simulate/chart.ts'
import { readOutage } from '../../src/simulate/outage.ts'
import { compared, relays } from './simulating.ts'

it('is well-formed, and shows every provider, the outage and both costs', async () => {
  const comparison = await compared(relays(), relays('first: [cheap, dear]'), { outages: [readOutage('dear@8h+4h')] })
  const svg = chart(comparison)
  // Every element is closed, in order, and nothing else has an angle.
  const open: string[] = []
  for (const [, end, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^<>]*)>/g)) {
    if (end) assert.equal(open.pop(), name)
    else if (!rest!.endsWith('/')) open.push(name!)
  }
  assert.deepEqual(open, [])
  assert.doesNotMatch(svg.replace(/<\/?[a-z]+[^<>]*>/g, ''), /[<>]/)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
  assert.match(svg, />dear<[\s\S]*>cheap</)
  assert.match(svg, /<title>dear down<\/title>/)
  for (const { cost } of [comparison.present[0]!, comparison.draft[0]!])
    assert.ok(svg.includes(`: ${cost.toFixed(2)}<`))
})
