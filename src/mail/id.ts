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
