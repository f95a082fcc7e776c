/** What V8 keeps in memory for this process. */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Gives back what loading this thread left behind, some 16 MB of the main one: at rest V8 never would, for nothing asks for room. */
export function forgetStart(): void {
  setFlagsFromString('--expose-gc')
  // The flags are the process's: another thread may have been through here, and have it off again.
  runInNewContext('globalThis.gc?.()')
  // Off again: the flags are part of what compiled code is kept under.
  setFlagsFromString('--no-expose-gc')
}

/** Bytes that young objects have: two halves, of which one is filled. */
const youngRoom = 64 * 2 ** 20
/** How often it is looked at. */
const lookEvery = 250

/**
 * Holds V8's room for young objects at 64 MB. Under load V8 would double it to 128 MB, and let as much more garbage gather behind it;
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
