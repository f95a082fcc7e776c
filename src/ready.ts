/** What is said and done once a gateway is ready. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Gives back what loading left behind, some 16 MB: at rest V8 never would, for nothing is allocated that asks for room. */
export function forgetStart(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  // Off again: the flags are part of what compiled code is kept under.
  setFlagsFromString('--no-expose-gc')
}

/** Bytes that young objects have: two halves, of which one is filled. */
const youngRoom = 32 * 2 ** 20
/** How often it is looked at. */
const lookEvery = 250

/**
 * Holds V8's room for young objects at 32 MB. Under load V8 would double it to 128 MB, and let as much more garbage gather behind it;
 * when little happens V8 gives it back but for 1 MB, and must be allowed to enlarge it again, now in one step (measured with 2 MB:
 * six times the processor in collecting, and a message costs half as much again).
 */
export function holdYoungRoom(): void {
  let allowed: number | null = null
  const look = () => {
    const room = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!
    const factor = Math.max(1, Math.round(youngRoom / room.space_size))
    if (factor !== allowed) setFlagsFromString(`--semi-space-growth-factor=${factor}`)
    allowed = factor
  }
  look()
  setInterval(look, lookEvery).unref()
}

/** For people: where it listens, and a first message to send. */
export function banner({ http, smtp }: { http: string; smtp: string }): string {
  const body = `{"from":"me@example.com","to":"you@example.com","subject":"Hello","text":"A first message."}`
  return `
Waypost is ready.
  HTTP       ${http}
  SMTP       ${smtp}
  Dashboard  ${http}/

Send a first message:
  curl ${http}/v1/messages -H 'content-type: application/json' -d '${body}'
`
}
