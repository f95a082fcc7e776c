/** Identifiers: sortable by time, unguessable, and safe in a header, a path and a file name. */

const pool = new Uint8Array(4096)
let spent = pool.length
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * A new id: `msg_` and 26 characters of Crockford base 32, of which the first ten are the time (as in ULID, so that ids
 * sort by age and an index over them stays dense) and sixteen are random (80 bits).
 */
export function newId(kind: 'msg' | 'evt' | 'att' | 'whk', now: number): string {
  let time = ''
  for (let rest = now, place = 0; place < 10; place++) {
    time = alphabet[rest % 32] + time
    rest = Math.floor(rest / 32)
  }
  let random = ''
  if (spent + 16 > pool.length) {
    crypto.getRandomValues(pool)
    spent = 0
  }
  for (const end = spent + 16; spent < end; spent++) random += alphabet[pool[spent]! % 32]
  return `${kind}_${time}${random}`
}

/** How many ids one group has, and how many groups one call. */
export const mostInGroup = 1024

/**
 * An id of those that one call makes: they differ in nothing but their last four characters, and those of one group in the last two.
 * @param call an id; @param index below `mostInGroup`; @param group likewise
 */
export function idInGroup(call: string, index: number, group = 0): string {
  return call.slice(0, -4) + twoOf(group) + twoOf(index)
}

/** The first id of the group that an id is in, or the one at another place. */
export function groupOf(id: string, index = 0): string {
  return id.slice(0, -2) + twoOf(index)
}

function twoOf(number: number): string {
  return alphabet[number >> 5]! + alphabet[number & 31]!
}
