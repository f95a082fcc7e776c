/**
 * Mailchimp's merge tags: `*|NAME|*`, a few changes of them (`*|UPPER:NAME|*`), and `*|IF:NAME|*` with its like. Names know no case.
 * A tag that nobody gave a value for stays as it is. Pure.
 */
import { TemplateError, textOf, titleCase, truthy } from './expression.ts'

const tag = /(\*\|[^|*\r\n]+\|\*)/

const changes: Record<string, (text: string) => string> = {
  HTML: (text) => text,
  UPPER: (text) => text.toUpperCase(),
  LOWER: (text) => text.toLowerCase(),
  TITLE: titleCase,
  URL: encodeURIComponent,
}

/**
 * The text of a template.
 * @param values by their names in lower case
 * @throws TemplateError for what asks for a page of the vendor's, or is not closed
 */
export function mergeTags(template: string, values: ReadonlyMap<string, unknown>): string {
  let text = ''
  /** Conditions that are open: whether this part is written, whether one was, and whether all of it is. */
  const open: { now: boolean; ever: boolean; outer: boolean }[] = []
  for (const part of template.split(tag)) {
    const writing = open.at(-1)?.now ?? true
    const name = part.startsWith('*|') && part.endsWith('|*') ? part.slice(2, -2) : null
    const [, word = '', about = ''] = /^([A-Z]+):(.*)$/i.exec(name ?? '') ?? []
    switch (word.toUpperCase()) {
      case 'IF':
      case 'IFNOT': {
        const holds = writing && holdsTrue(about, values) === (word.toUpperCase() === 'IF')
        open.push({ now: holds, ever: holds, outer: writing })
        break
      }
      case 'ELSEIF':
      case 'ELSE': {
        const last = open.at(-1)
        if (!last) throw new TemplateError(`\`${part}\` has no IF before it.`)
        last.now = last.outer && !last.ever && (word.toUpperCase() === 'ELSE' || holdsTrue(about, values))
        last.ever ||= last.now
        break
      }
      case 'END':
        if (open.pop() === undefined) throw new TemplateError(`\`${part}\` has no IF before it.`)
        break
      case 'UNSUB':
      case 'DATE':
      case 'INTERESTED':
        throw new TemplateError(`\`${part}\` is not understood here.`)
      default: {
        if (!writing) break
        const change = word === '' || !Object.hasOwn(changes, word.toUpperCase()) ? null : changes[word.toUpperCase()]!
        const key = (change ? about : (name ?? '')).toLowerCase()
        if (name === null || !values.has(key)) text += part
        else text += change ? change(textOf(values.get(key))) : textOf(values.get(key))
      }
    }
  }
  if (open.length > 0) throw new TemplateError('`*|END:IF|*` is missing.')
  return text
}

/** Reads all of a template. @throws TemplateError */
export function checkMergeTags(template: string): void {
  mergeTags(template, new Map())
  for (const [, about = ''] of template.matchAll(/\*\|(?:IF|IFNOT|ELSEIF):([^|*\r\n]+)\|\*/gi))
    holdsTrue(about, new Map())
}

/** `NAME`, `NAME=value` or `NAME!=value`, the value with or without quotes; numbers also by size. */
function holdsTrue(about: string, values: ReadonlyMap<string, unknown>): boolean {
  const [, name = '', by, given = ''] = /^([\w-]+)\s*(?:(!=|>=|<=|=|>|<)\s*(.*))?$/.exec(about.trim()) ?? []
  if (name === '') throw new TemplateError(`\`IF:${about}\` cannot be read.`)
  const value = values.get(name.toLowerCase())
  if (by === undefined) return truthy(value)
  const other = given.replace(/^(["'])(.*)\1$/, '$2')
  const [a, b] = [textOf(value), other]
  switch (by) {
    case '=':
      return a === b
    case '!=':
      return a !== b
    case '>':
      return Number(a) > Number(b)
    case '<':
      return Number(a) < Number(b)
    case '>=':
      return Number(a) >= Number(b)
    default:
      return Number(a) <= Number(b)
  }
}
