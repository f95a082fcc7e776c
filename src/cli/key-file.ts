/** The keys of a config file as they stand in its text, whatever else the file holds; and the text without one of them. */
import { isAlias, isMap, isSeq, type Node, type Pair, parseDocument } from 'yaml'
import { Failure } from './failure.ts'
import { plain } from './terminal.ts'

/** An entry as the file has it, not checked. */
export interface KeyEntry {
  hash: string
  tenant: string
  scopes: string[]
  from: string[]
}

/** @throws Failure for text that is no YAML */
export function readEntries(text: string, file: string): KeyEntry[] {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) throw new Failure(`${file}: ${plain(error.message)}`)
  const { keys } = Object(document.toJS({ maxAliasCount: 100 })) as { keys?: unknown }
  return (Array.isArray(keys) ? keys : []).map((given) => {
    const { hash, tenant, scopes = ['send'], from = [] } = Object(given) as Record<string, unknown>
    const list = (value: unknown) => (Array.isArray(value) ? value : []).map(String)
    return { hash: String(hash), tenant: String(tenant), scopes: list(scopes), from: list(from) }
  })
}

/**
 * The text without its `index`th key; every other byte stays, comments and spacing too.
 * @returns null where the list stands in a way that takes a person to edit
 */
export function withoutEntry(text: string, index: number): string | null {
  const { contents } = parseDocument(text, { keepSourceTokens: true })
  const pair: Pair | undefined = isMap(contents) ? contents.items.find(({ key }) => String(key) === 'keys') : undefined
  const list = pair?.value
  if (!pair || !isSeq(list) || isAlias(list)) return null
  const items = list.items.map((item) => (item as Node).range!)
  const [start, end, past] = items[index]!
  if (list.flow) {
    const next = items[index + 1]
    const last = items[index - 1]
    if (next) return text.slice(0, start) + text.slice(next[0])
    if (last) return text.slice(0, last[1]) + text.slice(end)
    return `${text.slice(0, list.range![0])}[]${text.slice(list.range![1])}`
  }
  const lineStart = text.lastIndexOf('\n', start) + 1
  if (!/^\s*-\s+$/.test(text.slice(lineStart, start))) return null
  const shorter = text.slice(0, lineStart) + text.slice(past)
  if (items.length > 1) return shorter
  const colon = text.indexOf(':', (pair.key as Node).range![1])
  return `${shorter.slice(0, colon + 1)} []${shorter.slice(colon + 1)}`
}
