/** The config's text: YAML with its places, and the environment put in. Knows nothing of what the keys mean. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  stringify,
} from 'yaml'
import type { Finding, Path } from './problems.ts'

interface Place {
  line: number
  column: number
}

export interface Fault extends Place {
  path: Path
  message: string
}

export interface ConfigText {
  /** Plain data; undefined when the text cannot be read as YAML at all. */
  value: unknown
  faults: Fault[]
  warnings: Fault[]
  /** Where a key or its value stands, or what holds it when it is missing. 1-based. */
  place(path: Path, at: Finding['at']): Place
  /** Whether a variable that is not set was to stand here, so that what the value looks like says nothing. */
  unset(path: Path): boolean
  /** YAML of one key of the top, as it was before the environment was put in. */
  written(key: string): string
}

/** Enough for every honest config; a few lines of nested aliases can otherwise fill the memory. */
const maxAliasCount = 100

/**
 * Reads YAML 1.2 and replaces `${NAME}` in text values by the environment's value, which stays text whatever it looks like;
 * `$${` stands for `${`. Never throws.
 */
export function readText(text: string, env: Readonly<Record<string, string | undefined>>): ConfigText {
  const lineCounter = new LineCounter()
  // Keys that stand twice are found below, where their path is known.
  const options = { lineCounter, prettyErrors: false, stringKeys: true, uniqueKeys: false, logLevel: 'error' } as const
  const document = parseDocument(text, options)
  const placeOf = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const place = (path: Path, at: Finding['at']): Place => placeOf(offsetOf(document, path, at))
  const lines = text.split(/\r?\n/)
  // The first slip brings the parser out of step, and what it says after that helps nobody.
  const faults: Fault[] = document.errors.slice(0, 1).map((error) => {
    const at = placeOf(error.pos[0])
    // `${` is plain text between lines, but a mapping's brace inside { } or [ ].
    const hint = lines[at.line - 1]?.includes('${') ? ` (between { } or [ ] a variable needs quotes: "\${NAME}")` : ''
    return { ...at, path: [], message: error.message + hint }
  })
  const warnings = document.warnings.map((warning) => ({
    ...placeOf(warning.pos[0]),
    path: [],
    message: warning.message,
  }))
  const unset = new Set<string>()

  let value: unknown
  if (faults.length === 0) {
    try {
      walk(document.contents, [], {
        text(node, path) {
          node.value = interpolate(node.value, env, (message) => {
            unset.add(JSON.stringify(path))
            faults.push({ ...place(path, 'value'), path, message })
          })
        },
        fault: (key, path, message) => faults.push({ ...placeOf(startOf(key) ?? 0), path, message }),
      })
      value = document.toJS({ maxAliasCount }) ?? null
    } catch (error) {
      // Too many aliases, or nested deeper than the stack: nobody's config, but no reason to die.
      faults.push({ line: 1, column: 1, path: [], message: `cannot be read: ${(error as Error).message}` })
    }
  }
  return { value, faults, warnings, place, unset: (path) => unset.has(JSON.stringify(path)), written }

  function written(key: string): string {
    const all: unknown = parseDocument(text, options).toJS({ maxAliasCount })
    return stringify({ [key]: Object(all)[key] }, { lineWidth: 0, aliasDuplicateObjects: false })
  }
}

interface Visitor {
  /** A text value; may be replaced. */
  text(node: { value: string }, path: Path): void
  fault(key: unknown, path: Path, message: string): void
}

function walk(node: unknown, path: Path, visitor: Visitor): void {
  if (isMap(node)) {
    const seen = new Set<string>()
    for (const { key, value } of node.items) {
      const name = keyText(key)
      const inside = [...path, name]
      if (seen.has(name)) visitor.fault(key, inside, 'this key stands here twice; remove one')
      // It would reach into JavaScript's own objects.
      if (name === '__proto__') visitor.fault(key, inside, 'this key is not allowed anywhere')
      seen.add(name)
      walk(value, inside, visitor)
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) walk(item, [...path, index], visitor)
  } else if (isScalar(node) && typeof node.value === 'string') {
    visitor.text(node as { value: string }, path)
  }
}

function interpolate(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  fault: (message: string) => void,
): string {
  return text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, name: string | undefined, end) => {
    if (name === undefined) return '${'
    if (end === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      fault(`"\${" begins an environment variable, but no NAME} follows. Write $\${ for the characters themselves`)
      return whole
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined)
      fault(`the environment variable ${name} is not set. Set it, or write $\${ for the characters themselves`)
    return value ?? whole
  })
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key)
}

/** The offset of the deepest part of `path` that exists. */
function offsetOf(document: Document.Parsed, path: Path, at: Finding['at']): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const [depth, part] of path.entries()) {
    const holder = isAlias(node) ? node.resolve(document) : node
    if (isMap(holder)) {
      const pair: Pair | undefined = holder.items.find(({ key }) => keyText(key) === String(part))
      if (!pair) return offset
      const atKey = startOf(pair.key) ?? offset
      node = pair.value
      const wantsKey = depth === path.length - 1 && at === 'key'
      offset = wantsKey ? atKey : (startOf(node) ?? atKey)
      // A missing key is told at the key of what lacks it, not at the first of the keys that are there.
      if (depth < path.length - 1 && isMap(node) && !hasKey(node, path[depth + 1]!)) return atKey
    } else if (isSeq(holder)) {
      node = holder.items[Number(part)]
      if (node === undefined) return offset
      offset = startOf(node) ?? offset
    } else return offset
  }
  return offset
}

function hasKey(map: { items: Pair[] }, part: string | number): boolean {
  return map.items.some(({ key }) => keyText(key) === String(part))
}

function startOf(node: unknown): number | null {
  return (node as Node | null | undefined)?.range?.[0] ?? null
}
