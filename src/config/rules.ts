/** The rules of a config file by themselves: taking them out of one, and putting others in their place. */
import { isDeepStrictEqual } from 'node:util'
import { isMap, parse, parseDocument, stringify } from 'yaml'

/** The rules in a config, or in a text that has nothing else, as `routes:` and what follows; null when there are none to be read. */
export function rulesIn(text: string): string | null {
  try {
    const { routes } = Object(parse(text)) as { routes?: unknown }
    return Array.isArray(routes) ? stringify({ routes }, { lineWidth: 0, aliasDuplicateObjects: false }) : null
  } catch {
    return null
  }
}

/** Whether a text is `routes:` with a list, and nothing else. */
export function areRules(text: string): boolean {
  try {
    const given = Object(parse(text)) as { routes?: unknown }
    return Object.keys(given).length === 1 && Array.isArray(given.routes)
  } catch {
    return false
  }
}

/** A config's text with other rules in place of its own and all else as it was, byte for byte; null where that cannot be. */
export function withRules(text: string, rules: string): string | null {
  const { contents, errors } = parseDocument(text)
  if (errors.length > 0 || !isMap(contents) || contents.flow) return null
  const pair = contents.items.find(({ key }) => String(key) === 'routes')
  const [start] = (pair?.key as { range?: number[] } | undefined)?.range ?? []
  const [, end] = (pair?.value as { range?: number[] } | null | undefined)?.range ?? []
  if (start === undefined || end === undefined) return null
  // A list's own end may lie behind the blank lines that follow it.
  const after = text.slice(text.slice(0, end).trimEnd().length)
  const replaced = text.slice(0, start) + rules.trimEnd() + after
  try {
    const [before, now] = [parse(text), parse(replaced)]
    return isDeepStrictEqual({ ...before, ...parse(rules) }, now) ? replaced : null
  } catch {
    // An alias to what stood among the rules.
    return null
  }
}
