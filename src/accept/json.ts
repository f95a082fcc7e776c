/** JSON from strangers: read strictly, once. */
import { pointer } from './problem.ts'
import { Refusal } from './refusals.ts'

/** Arrays and objects within one another; a message needs four. */
const deepest = 32

/** JSON of this length cannot hurt, however deep: it is parsed first and looked at then, which takes half the time. */
const safeLength = 64 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The value that `bytes` are. Of a key that comes twice the last one counts, as ECMAScript has it.
 * @throws Refusal `malformed`: not UTF-8, not JSON, or nested deeper than 32
 */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw new Refusal('malformed', 'The body is not UTF-8.')
  }
  if (text.length > safeLength && opensDeep(text)) throw tooDeep()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Refusal('malformed', `The body is not JSON: ${(error as Error).message}`)
  }
  if (isDeep(value, 1)) throw tooDeep()
  return value
}

function tooDeep(): Refusal {
  return new Refusal('malformed', `The body is nested deeper than ${deepest}.`)
}

function isDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth > deepest || Object.values(value).some((inner) => isDeep(inner, depth + 1))
}

/** Looks at the text before it is parsed: V8 takes memory for every bracket that is open. */
function opensDeep(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x22) i = endOfString(text, i)
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > deepest) return true
    } else if (char === 0x7d || char === 0x5d) depth--
  }
  return false
}

/** The index of the quote that closes the string opened at `open`; the text's length when none does. */
function endOfString(text: string, open: number): number {
  for (let end = text.indexOf('"', open + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

/**
 * Refuses what JSON allows and mail cannot carry or JavaScript trips over, wherever it is: half of a surrogate pair, and keys
 * named `__proto__`.
 * @throws Refusal `invalid`
 */
export function checkText(value: unknown): void {
  const wrong = wrongText(value)
  if (wrong === null) return
  const { path, detail } = wrong
  throw new Refusal('invalid', detail, { errors: [{ pointer: pointer(path), detail }] })
}

/** The path is put together on the way back, for there is hardly ever one. */
function wrongText(value: unknown): { path: string[]; detail: string } | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : { path: [], detail: half }
  if (typeof value !== 'object' || value === null) return null
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return { path: [key], detail: 'There is no such field.' }
    if (!key.isWellFormed()) return { path: [], detail: half }
    const inside = wrongText((value as Record<string, unknown>)[key])
    if (inside !== null) return { path: [key, ...inside.path], detail: inside.detail }
  }
  return null
}

const half = 'Half of a surrogate pair is not text.'
