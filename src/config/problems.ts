/** What is wrong with a config, in words: zod's findings put plainly, with the nearest name that would have been right. */
import { z } from 'zod'

export type Path = readonly (string | number)[]

/** Something found wrong at a path of the config; `key` when it is the key itself and not its value. */
export interface Finding {
  path: Path
  at: 'key' | 'value'
  message: string
}

/**
 * Every finding of a failed parse (made with `{ error: words }`), one for each unknown key.
 * @param besides keys that may stand at the top although the schema does not know them
 */
export function findings(error: z.ZodError | undefined, under: Path = [], besides: readonly string[] = []): Finding[] {
  return (error?.issues ?? []).flatMap((issue) => fromIssue(issue, under, besides))
}

function fromIssue(issue: z.core.$ZodIssue, under: Path, besides: readonly string[] = []): Finding[] {
  const path = [...under, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))]
  if (issue.code === 'unrecognized_keys') {
    const own = issue.message === '' ? [] : issue.message.split(', ')
    const allowed = issue.path.length === 0 ? [...own, ...besides] : own
    return issue.keys.map((key) => ({ path: [...path, key], at: 'key', message: unknownKey(key, allowed) }))
  }
  if (issue.code === 'invalid_key') {
    return [{ path, at: 'key', message: issue.issues[0]?.message ?? issue.message }]
  }
  if (issue.code === 'invalid_union') {
    // The branch that was meant is the one whose kind of value it is; the others only say that it is not theirs.
    const meant = issue.errors.filter((branch) => !branch.some(isWrongKind))
    if (meant.length > 1 && meant.every((branch) => branch.length === 1 && branch[0]!.path.length === 0)) {
      return [{ path, at: 'value', message: meant.map(([one]) => one!.message).join(', or ') }]
    }
    const nearest = meant.toSorted((a, b) => a.length - b.length)[0]
    if (nearest) return nearest.flatMap((one) => fromIssue(one, path))
  }
  return [{ path, at: 'value', message: issue.message }]
}

/** Whether the issue says that the whole value is of another kind: text where a list should be. */
function isWrongKind(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false
  return issue.code === 'invalid_union'
    ? issue.errors.every((branch) => branch.some(isWrongKind))
    : issue.code === 'invalid_type'
}

function unknownKey(key: string, allowed: readonly string[]): string {
  if (allowed.length === 0) return `unknown key "${key}"; nothing may stand here`
  return `unknown key "${key}"${didYouMean(key, allowed)}. Allowed here: ${allowed.join(', ')}`
}

/** ` (did you mean "timeout"?)`, or nothing when no allowed name is near. */
export function didYouMean(given: string, allowed: Iterable<string>): string {
  const near = nearest(given, allowed)
  return near === null ? '' : ` (did you mean "${near}"?)`
}

/** The allowed name within a third of the letters' worth of edits, or null. */
function nearest(given: string, allowed: Iterable<string>): string | null {
  let best: { name: string; edits: number } | null = null
  for (const name of allowed) {
    const edits = distance(given.toLowerCase(), name.toLowerCase())
    if (edits <= Math.max(1, Math.ceil(name.length / 3)) && edits < name.length && edits < (best?.edits ?? Infinity)) {
      best = { name, edits }
    }
  }
  return best?.name ?? null
}

/** Edit distance with transpositions (optimal string alignment): how many slips of the finger lie between two words. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 20) return Infinity
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, place) => place)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, rows[i - 2]![j - 2]! + 1)
      row.push(edits)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

const kinds: Record<string, string> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  null: 'nothing',
}

function kindOf(value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  return typeof value === 'number' && !Number.isInteger(value) ? 'a fraction' : (kinds[kind] ?? kind)
}

/**
 * zod's error map: hand it to `safeParse` as `error`. Values are never repeated, for they may hold secrets. For unknown keys
 * the message is the list of those allowed; `findings` makes the sentence.
 */
export function words(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const inst = issue.inst
      return inst instanceof z.ZodObject ? Object.keys(inst.shape).join(', ') : ''
    }
    case 'invalid_type':
      if (issue.input === undefined) return `is missing; expected ${kinds[issue.expected] ?? issue.expected}`
      return `expected ${kinds[issue.expected] ?? issue.expected}, found ${kindOf(issue.input)}`
    case 'invalid_value': {
      const allowed = issue.values.map(String)
      if (issue.input === undefined) return `is missing; expected ${oneOf(allowed)}`
      return `expected ${oneOf(allowed)}${typeof issue.input === 'string' ? didYouMean(issue.input, allowed) : ''}`
    }
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`
      return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`
    case 'invalid_union': {
      const expected = [...new Set(issue.errors.flat().flatMap(kindsExpected))]
      if (expected.length === 0) return undefined
      if (issue.input === undefined) return `is missing; expected ${expected.join(' or ')}`
      return `expected ${expected.join(' or ')}, found ${kindOf(issue.input)}`
    }
    default:
      return undefined
  }
}

function oneOf(allowed: readonly string[]): string {
  return allowed.length === 1 ? allowed[0]! : `one of ${allowed.join(', ')}`
}

function kindsExpected(issue: z.core.$ZodIssue): string[] {
  if (issue.path.length > 0) return []
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(kindsExpected)
  return issue.code === 'invalid_type' ? [kinds[issue.expected] ?? issue.expected] : []
}

function tooSmall(issue: Extract<z.core.$ZodRawIssue, { code: 'too_small' }>): string {
  const least = Number(issue.minimum)
  if (issue.origin === 'string') return least === 1 ? 'must not be empty' : `must have at least ${least} characters`
  if (issue.origin === 'array') return `must have at least ${least === 1 ? 'one entry' : `${least} entries`}`
  return `must be ${issue.inclusive ? 'at least' : 'more than'} ${least}`
}
