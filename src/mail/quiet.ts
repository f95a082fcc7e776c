/** Hours in which mail of a type is not sent, by the clock of a place. Pure: the time is handed in. */

export interface Quiet {
  /** Minutes after midnight, there. The hours may go over midnight; `to` is the first minute that is not quiet. */
  from: number
  to: number
  /** Whose clock: a zone's IANA name (`Europe/Berlin`), or `metadata.<key>` for the one that the message names there. The first that is one. */
  zones: readonly string[]
}

const minute = 60_000
/** No stretch of quiet is longer, whatever a zone does to its clocks. */
const longest = 26 * 60
/** Zones may come with the mail, and nobody counts those. */
const mostZones = 1_000

/** When the quiet hours that hold at `now` are over for mail with this metadata; null when none do. */
export function quietUntil(quiet: Quiet, metadata: Readonly<Record<string, string>>, now: number): number | null {
  const zone = zoneOf(quiet, metadata)
  const stretches = found.get(quiet) ?? new Map<string, Stretch>()
  const known = stretches.get(zone)
  if (known && known.from <= now && now < known.until) return known.until
  if (!isQuiet(quiet, zone, now)) return null
  // Minute by minute, for an hour may be skipped or come twice; looked for once a night.
  let until = (Math.floor(now / minute) + 1) * minute
  for (let steps = 0; steps < longest && isQuiet(quiet, zone, until); steps++) until += minute
  if (stretches.size >= mostZones) stretches.clear()
  stretches.set(zone, { from: now, until })
  found.set(quiet, stretches)
  return until
}

interface Stretch {
  from: number
  until: number
}

/** The stretch that was found last, by zone. */
const found = new WeakMap<Quiet, Map<string, Stretch>>()
const clocks = new Map<string, Intl.DateTimeFormat | null>()

function zoneOf({ zones }: Quiet, metadata: Readonly<Record<string, string>>): string {
  for (const zone of zones) {
    const key = metadataKey(zone)
    const named = key === null ? zone : Object.hasOwn(metadata, key) ? metadata[key]! : ''
    if (clockIn(named) !== null) return named
  }
  return 'UTC'
}

/** The key of `metadata.<key>`; null for what is a zone itself. */
export function metadataKey(zone: string): string | null {
  return zone.startsWith('metadata.') ? zone.slice('metadata.'.length) : null
}

function isQuiet({ from, to }: Quiet, zone: string, at: number): boolean {
  const there = minuteOfDay(zone, at)
  return from < to ? from <= there && there < to : from <= there || there < to
}

function minuteOfDay(zone: string, at: number): number {
  const [hour, minutes] = clockIn(zone)!.format(at).split(':')
  return Number(hour) * 60 + Number(minutes)
}

/** Whether there is such a time zone. */
export const isZone = (zone: string): boolean => clockIn(zone) !== null

function clockIn(zone: string): Intl.DateTimeFormat | null {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    try {
      clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    } catch {
      clock = null
    }
    if (clocks.size >= mostZones) clocks.clear()
    clocks.set(zone, clock)
  }
  return clock
}
