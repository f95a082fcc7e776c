/** The hour and the day somewhere on earth, by the zones that JavaScript knows. */

interface LocalTime {
  hour: number
  day: Day
}

/** Days of the week, as conditions name them. */
export const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const
type Day = (typeof days)[number]

/** Every zone of today is off by a multiple of this, so that within it hour and day stay the same. */
const step = 15 * 60_000
/** Zones may come with the mail, and nobody counts those. */
const mostZones = 1_000

const clocks = new Map<string, { format: Intl.DateTimeFormat; step: number; time: LocalTime } | null>()

/** Hour and day in a zone (`Europe/Berlin`); undefined where there is no such zone. */
export function localTime(now: number, zone: string): LocalTime | undefined {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    const format = formatOf(zone)
    clock = format && { format, step: Number.NaN, time: { hour: 0, day: 'sunday' } }
    if (clocks.size >= mostZones) clocks.clear()
    clocks.set(zone, clock)
  }
  if (clock === null) return undefined
  const at = Math.floor(now / step)
  if (clock.step !== at) {
    clock.step = at
    clock.time = read(clock.format, now)
  }
  return clock.time
}

function formatOf(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', hour: 'numeric', weekday: 'long' })
  } catch {
    return null
  }
}

function read(format: Intl.DateTimeFormat, now: number): LocalTime {
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]))
  return { hour: Number(parts.get('hour')), day: parts.get('weekday')!.toLowerCase() as Day }
}
