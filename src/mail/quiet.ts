/** Hours in which mail of a type is not sent, by the clock of a place. Pure: the time is handed in. */

export interface Quiet {
  /** Minutes after midnight, there. The hours may go over midnight; `to` is the first minute that is not quiet. */
  from: number
  to: number
  /** A time zone's IANA name: `Europe/Berlin`. */
  zone: string
}

const minute = 60_000
/** No stretch of quiet is longer, whatever a zone does to its clocks. */
const longest = 26 * 60

/** When the quiet hours that hold at `now` are over; null when none do. */
export function quietUntil(quiet: Quiet, now: number): number | null {
  const known = found.get(quiet)
  if (known && known.from <= now && now < known.until) return known.until
  if (!isQuiet(quiet, now)) return null
  // Minute by minute, for an hour may be skipped or come twice; looked for once a night.
  let until = (Math.floor(now / minute) + 1) * minute
  for (let steps = 0; steps < longest && isQuiet(quiet, until); steps++) until += minute
  found.set(quiet, { from: now, until })
  return until
}

/** The stretch that was found last. */
const found = new WeakMap<Quiet, { from: number; until: number }>()
const clocks = new Map<string, Intl.DateTimeFormat>()

function isQuiet({ from, to, zone }: Quiet, at: number): boolean {
  const there = minuteOfDay(zone, at)
  return from < to ? from <= there && there < to : from <= there || there < to
}

function minuteOfDay(zone: string, at: number): number {
  let clock = clocks.get(zone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    clocks.set(zone, clock)
  }
  const [hour, minutes] = clock.format(at).split(':')
  return Number(hour) * 60 + Number(minutes)
}

/** Whether there is such a time zone. */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
