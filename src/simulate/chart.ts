/** A picture of a simulation: who took how much of the mail over time under each policy, and what it cost. Readable on light and dark. */
import type { Comparison } from './simulation.ts'
import type { Figures } from './tally.ts'

/** Told apart by most people, also by those who see few colours (after Okabe and Ito). */
const colours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#b2a614', '#7a7f87']

const width = 960
const left = 62
const gap = 44
const panel = { width: (width - left - gap - 20) / 2, height: 170 }
const top = 88
const costTop = top + panel.height + 92
const costWidth = width - left - 20
const costHeight = 170

/** @returns an SVG document. Where there were several runs, it shows the first */
export function chart({ present, draft, outages }: Comparison): string {
  const sides = [
    { title: 'Present', figures: present[0]! },
    { title: 'Draft', figures: draft[0]! },
  ]
  const names = [...new Set(sides.flatMap(({ figures }) => Object.keys(figures.providers)))]
  const { steps } = sides[0]!.figures
  const troubles = outages.map(({ provider, trouble, from, until }) => ({
    what: `${provider} ${trouble}`,
    from: Math.max(0, (from - steps.from) / steps.length),
    until: Math.min(steps.count, (until - steps.from) / steps.length),
  }))
  const height = costTop + costHeight + 46
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Share of each provider and cost over time, present policy and draft">
<style>
svg { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; --ink: #1a2230; --soft: #5a6575; --line: #d5dae2; --paper: #fff; --look: #9c1c22; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6eaf0; --soft: #9ba6b5; --line: #333d49; --paper: #10141a; --look: #ff9f9f; } }
text { fill: var(--ink); } .soft { fill: var(--soft); } .title { font-weight: 600; font-size: 14px; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.line { stroke: var(--line); stroke-width: 1; } .present { stroke: var(--soft); stroke-dasharray: 5 4; } .draft { stroke: var(--ink); } .cost { fill: none; stroke-width: 2; } .trouble { fill: var(--look); }
</style>
<rect width="100%" height="100%" fill="var(--paper)"/>
${legend(names)}
${sides.map(({ title, figures }, place) => shares(title, figures, names, left + place * (panel.width + gap), place === 0, troubles)).join('\n')}
${costs(sides[0]!.figures, sides[1]!.figures)}
</svg>
`
}

interface Shown {
  what: string
  /** In steps from the beginning. */
  from: number
  until: number
}

function legend(names: readonly string[]): string {
  let x = left
  return names
    .map((name, place) => {
      const at = x
      x += 34 + name.length * 7
      return `<rect x="${at}" y="22" width="12" height="12" rx="2" fill="${colourOf(place)}"/><text x="${at + 18}" y="32">${escaped(name)}</text>`
    })
    .join('')
}

const colourOf = (place: number) => colours[place % colours.length]!

/** Of all that was taken in each step, who took how much: 100 % is the whole height. */
function shares(
  title: string,
  { providers, steps }: Figures,
  names: readonly string[],
  x: number,
  labels: boolean,
  troubles: readonly Shown[],
): string {
  const step = panel.width / steps.count
  const bars = [...names.keys()].map((place) => {
    const path = Array.from({ length: steps.count }, (_, at) => {
      const all = names.map((one) => providers[one]?.takenByStep[at] ?? 0)
      const total = all.reduce((sum, taken) => sum + taken, 0)
      const own = all[place]!
      if (own === 0) return ''
      const below = all.slice(0, place).reduce((sum, taken) => sum + taken, 0)
      const [y, tall] = [top + panel.height * (1 - (below + own) / total), (panel.height * own) / total]
      return `M${round(x + at * step)} ${round(y)}h${round(step * 0.92)}v${round(tall)}h${round(-step * 0.92)}z`
    }).join('')
    return `<path fill="${colourOf(place)}" d="${path}"/>`
  })
  const marks = troubles.map(
    ({ what, from, until }) =>
      `<rect class="trouble" x="${round(x + from * step)}" y="${top - 7}" width="${round(Math.max((until - from) * step, 2))}" height="4"><title>${escaped(what)}</title></rect>`,
  )
  const scale = [0, 0.5, 1].map((share) => {
    const y = round(top + panel.height * (1 - share))
    const label = labels ? `<text class="soft end" x="${x - 8}" y="${y + 4}">${share * 100} %</text>` : ''
    return `<path class="line" d="M${x} ${y}h${panel.width}"/>${label}`
  })
  return `<g><text class="title" x="${x}" y="${top - 16}">${title}: share of each provider</text>${scale.join('')}${bars.join('')}${marks.join('')}${dates(steps, x, panel.width, top + panel.height + 18, 3)}</g>`
}

/** What had been paid by then, under both. */
function costs(present: Figures, draft: Figures): string {
  const [one, other] = [present, draft].map(paidByStep) as [number[], number[]]
  const most = Math.max(one.at(-1)!, other.at(-1)!) || 1
  const x = (at: number) => left + (costWidth * (at + 1)) / present.steps.count
  const y = (cost: number) => costTop + costHeight * (1 - cost / most)
  const line = (kind: string, paid: readonly number[]) =>
    `<path class="cost ${kind}" d="M${left} ${costTop + costHeight}${paid.map((cost, at) => `L${round(x(at))} ${round(y(cost))}`).join('')}"/>`
  const scale = [0, 0.5, 1].map((share) => {
    const at = round(costTop + costHeight * (1 - share))
    return `<path class="line" d="M${left} ${at}h${costWidth}"/><text class="soft end" x="${left - 8}" y="${at + 4}">${money(most * share)}</text>`
  })
  const key = (['present', 'draft'] as const).map((kind, place) => {
    const at = left + 190 + place * 190
    const paid = money((place === 0 ? one : other).at(-1)!)
    return `<path class="cost ${kind}" d="M${at} ${costTop - 20}h26"/><text x="${at + 34}" y="${costTop - 16}">${kind === 'present' ? 'Present' : 'Draft'}: ${paid}</text>`
  })
  return `<g><text class="title" x="${left}" y="${costTop - 16}">Cost, added up</text>${key.join('')}${scale.join('')}${line('present', one)}${line('draft', other)}${dates(present.steps, left, costWidth, costTop + costHeight + 18, 6)}</g>`
}

function paidByStep({ providers, steps }: Figures): number[] {
  let paid = 0
  return Array.from({ length: steps.count }, (_, at) => {
    for (const { costByStep } of Object.values(providers)) paid += costByStep[at]!
    return paid
  })
}

const hour = 3_600_000

/** Times under a panel, in UTC: days, or hours where all is within two days. */
function dates({ from, length, count }: Figures['steps'], x: number, wide: number, y: number, times: number): string {
  const all = length * count
  const shown = (at: number) => {
    const iso = new Date(at).toISOString()
    return all > 48 * hour ? iso.slice(5, 10) : iso.slice(11, 16)
  }
  return Array.from({ length: times + 1 }, (_, place) => {
    const anchor = place === 0 ? '' : place === times ? ' end' : ' middle'
    return `<text class="soft${anchor}" x="${round(x + (wide * place) / times)}" y="${y}">${shown(from + (all * place) / times)}</text>`
  }).join('')
}

const round = (number: number) => Math.round(number * 10) / 10
const money = (amount: number) => amount.toFixed(amount < 100 ? 2 : 0)
const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => entities[character]!)
