/** Chance without dice: numbers that follow from a text, such as a message's id, so that a decision made again is the same. */

/** FNV-1a, which goes on from the hash of what came before. */
export function hashed(text: string, hash = 0x811c9dc5): number {
  for (let place = 0; place < text.length; place++) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193)
  return hash
}

/** From a hash, a number in (0, 1). */
export function uniform(hash: number): number {
  // The finalizer of MurmurHash3: FNV alone leaves the high bits of short strings too alike to draw from.
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return ((hash >>> 0) + 0.5) / 2 ** 32
}

/** A number in (0, 1) for a message at a provider, always the same: whether it is in the share that goes there. */
export function drawn(messageId: string, provider: string): number {
  return uniform(hashed(`${provider}\n${messageId}`))
}

/** A draw from the beta distribution, by two gammas; both parameters are 1 at least. */
export function beta(a: number, b: number, seed: string): number {
  let state = hashed(seed)
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    return uniform(state)
  }
  const one = gamma(a, next)
  return one / (one + gamma(b, next))
}

/** Marsaglia and Tsang, "A simple method for generating gamma variables" (2000); for a shape of 1 and more. */
function gamma(shape: number, next: () => number): number {
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
    const cube = (1 + c * normal) ** 3
    if (cube > 0 && Math.log(next()) < 0.5 * normal * normal + d * (1 - cube + Math.log(cube))) return d * cube
  }
}
