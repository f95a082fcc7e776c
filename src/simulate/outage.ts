/** Trouble at a provider that a simulation is run with: recorded, or made up as `relay-eu@2026-11-20T10:00+4h`. */

/**
 * What is wrong. `down`: it refuses every connection. `slow`: its answers take ten times as long as they did, ten seconds at least.
 * `silent`: it takes mail and does not answer. `limited`: it takes one call a second and tells the others to slow down.
 */
const troubles = ['down', 'slow', 'silent', 'limited'] as const
type Trouble = (typeof troubles)[number]

export interface Outage {
  provider: string
  trouble: Trouble
  /** Epoch milliseconds. */
  from: number
  until: number
}

/** An outage as it was asked for: at a time, or so long after the traffic began. */
export interface AskedOutage extends Omit<Outage, 'from' | 'until'> {
  start: { at: number } | { after: number }
  lasts: number
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function span(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text)!
  return Math.round(Number(count) * units[unit!]!)
}

/**
 * Reads `<provider>@<start>+<duration>`, and ` <trouble>` behind it where that is not `down`; the start is a UTC time, or a duration
 * from the beginning of the traffic.
 * @throws RangeError that says what is wrong
 */
export function readOutage(text: string): AskedOutage {
  const [, provider, start, lasts, given = 'down'] = /^(.+)@(\S+)\+(\S+?)(?:\s+(\S+))?$/.exec(text.trim()) ?? []
  const trouble = troubles.find((one) => one === given)
  if (provider === undefined || start === undefined || lasts === undefined)
    throw new RangeError(
      `expected <provider>@<start>+<duration>, such as relay-eu@3d+4h or "relay-eu@2026-11-20T10:00+4h slow"`,
    )
  if (trouble === undefined) throw new RangeError(`there is no trouble "${given}"; there are ${troubles.join(', ')}`)
  if (!/^\d+(\.\d+)?[smhd]$/.test(lasts) || span(lasts) === 0)
    throw new RangeError(`"${lasts}" is no duration; expected one such as 30s, 10m, 4h or 2d`)
  return { provider, trouble, lasts: span(lasts), start: readStart(start) }
}

function readStart(text: string): AskedOutage['start'] {
  if (/^\d+(\.\d+)?[smhd]$/.test(text)) return { after: span(text) }
  const [, date, time = '00:00'] = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)Z?)?$/.exec(text) ?? []
  const at = Date.parse(`${date}T${time}Z`)
  if (Number.isNaN(at))
    throw new RangeError(
      `"${text}" is no start; expected a UTC time such as 2026-11-20T10:00, or a duration from the beginning such as 3d`,
    )
  return { at }
}

/** When it is, in traffic that begins at a time. */
export function placed({ provider, trouble, start, lasts }: AskedOutage, begins: number): Outage {
  const from = 'at' in start ? start.at : begins + start.after
  return { provider, trouble, from, until: from + lasts }
}
