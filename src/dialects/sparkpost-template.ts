/**
 * SparkPost's template language: https://developers.sparkpost.com/api/template-language. Values are escaped in HTML, and encoded in
 * links. Not settled by its documents, and chosen here: `loop_index` counts from 1; behind a statement the rest of its line goes only
 * where it is blank. Pure.
 */
import {
  type Data,
  type Expression,
  expression,
  lastName,
  Rendered,
  type Scope,
  shortened,
  TemplateProblem,
  truth,
} from './sparkpost-expression.ts'

export { type Data, TemplateProblem } from './sparkpost-expression.ts'

/** `header`: on one line, whatever the values are. */
export type Form = 'html' | 'text' | 'header'

/** A template, read once for all recipients. */
export type Template = (data: Data, budget: Budget) => string

/** How much the messages of one request may work out and write, however their loops are nested. */
export interface Budget {
  steps: number
  /** Characters. */
  length: number
}

export function budget(): Budget {
  return { steps: 3_000_000, length: 256 * 1024 * 1024 }
}

type Part =
  | { kind: 'text'; text: string }
  | { kind: 'value'; value: Expression; put: (text: string) => string }
  | { kind: 'if'; ways: { when: Expression | null; body: Part[] }[] }
  | { kind: 'each'; over: Expression; name: string; body: Part[] }

/** @throws TemplateProblem */
export function template(source: string, form: Form): Template {
  if (!source.includes('{{')) return () => source
  const parts = parse(source, form)
  return (data, budget) => write(parts, data, budget, form, 0)
}

type Piece = { kind: 'text'; text: string } | { kind: 'tag'; inside: string; raw: boolean; statement: boolean }

const longestTag = 2000
const statement = /^(?:if\b|elseif\b|else$|else\s|end$|each\s)/

/** Text and tags in turn. */
function pieces(source: string): Piece[] {
  const found: Piece[] = []
  let read = 0
  for (let at = source.indexOf('{{'); at !== -1; at = source.indexOf('{{', read)) {
    const raw = source[at + 2] === '{'
    const [opening, closing] = raw ? [3, '}}}'] : [2, '}}']
    const end = source.indexOf(closing, at + opening)
    if (end === -1) throw new TemplateProblem(`${shortened(source.slice(at))} has no end.`)
    if (end - at > longestTag) throw new TemplateProblem(`${shortened(source.slice(at))} is too long.`)
    const inside = source.slice(at + opening, end).trim()
    const isStatement = statement.test(inside)
    let text = source.slice(read, at)
    read = end + closing.length
    if (isStatement) {
      // Alone on its line, it leaves no line behind.
      const line = /^[ \t]*(?:\r?\n|$)/.exec(source.slice(read, read + 1000))
      const indented = text.slice(text.lastIndexOf('\n') + 1)
      if (line && /^[ \t]*$/.test(indented)) text = text.slice(0, text.length - indented.length)
      if (line) read += line[0].length
    }
    found.push({ kind: 'text', text }, { kind: 'tag', inside, raw, statement: isStatement })
  }
  found.push({ kind: 'text', text: source.slice(read) })
  return found
}

const deepest = 50

interface Open {
  body: Part[]
  part: Extract<Part, { kind: 'if' | 'each' }> | null
}

function parse(source: string, form: Form): Part[] {
  const open: Open[] = [{ body: [], part: null }]
  let link = false
  for (const piece of pieces(source)) {
    const { body, part } = open.at(-1)!
    if (piece.kind === 'text') {
      if (piece.text !== '') body.push(piece)
      link = endsInLink(piece.text, link)
    } else if (!piece.statement) {
      const put = piece.raw ? asItIs : link ? encoded : form === 'html' ? escaped : asItIs
      body.push({ kind: 'value', value: expression(piece.inside), put })
    } else {
      const [, word = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(piece.inside)!
      const condition = () => expression(rest.replace(/\sthen$/, ''))
      if (word === 'if' || word === 'each') {
        if (open.length > deepest) throw new TemplateProblem('Statements are nested too deep.')
        const opened: Open['part'] =
          word === 'if'
            ? { kind: 'if', ways: [{ when: condition(), body: [] }] }
            : { kind: 'each', over: expression(rest), name: lastName(rest), body: [] }
        body.push(opened)
        open.push({ part: opened, body: opened.kind === 'if' ? opened.ways[0]!.body : opened.body })
      } else if (word === 'end') {
        if (part === null) throw new TemplateProblem('{{end}} ends nothing.')
        open.pop()
      } else {
        // The last way of an if is its else.
        if (part?.kind !== 'if' || part.ways.at(-1)!.when === null) {
          throw new TemplateProblem(`{{${word}}} belongs to no {{if}}.`)
        }
        const way = { when: word === 'else' ? null : condition(), body: [] }
        part.ways.push(way)
        open.at(-1)!.body = way.body
      }
    }
  }
  if (open.length > 1) throw new TemplateProblem(`{{${open.at(-1)!.part!.kind}}} has no {{end}}.`)
  return open[0]!.body
}

/** Whether behind this text an address that began in it, or before it, still goes on. */
function endsInLink(text: string, before: boolean): boolean {
  let at = text.length
  while (at > 0 && !' \t\r\n"\'<>'.includes(text[at - 1]!)) at--
  return (at === 0 && before) || /https?:\/\//i.test(text.slice(at))
}

function write(parts: readonly Part[], data: Data, budget: Budget, form: Form, depth: number): string {
  const scope = (loops: Scope['loops']): Scope => ({
    data,
    loops,
    step: () => {
      if (--budget.steps < 0) throw new TemplateProblem('The template takes too long.')
    },
    dynamic(source) {
      if (depth >= 5) throw new TemplateProblem('Dynamic content is nested too deep.')
      return new Rendered(write(parse(source, form), data, budget, form, depth + 1))
    },
  })
  const all = (list: readonly Part[], within: Scope): string => list.map((part) => one(part, within)).join('')
  const one = (part: Part, within: Scope): string => {
    within.step()
    if (part.kind === 'text') return counted(part.text)
    if (part.kind === 'value') {
      const value = part.value(within)
      const text = value instanceof Rendered ? value.text : part.put(textOf(value))
      return counted(form === 'header' ? text.replace(/[\r\n]+/g, ' ') : text)
    }
    if (part.kind === 'if') {
      const way = part.ways.find(({ when }) => when === null || truth(when(within)))
      return way ? all(way.body, within) : ''
    }
    const list = part.over(within)
    if (!Array.isArray(list)) return ''
    return list
      .map((value: unknown, at) => all(part.body, scope([...within.loops, { name: part.name, value, index: at + 1 }])))
      .join('')
  }
  const counted = (text: string): string => {
    budget.length -= text.length
    if (budget.length < 0) throw new TemplateProblem('The template writes too much.')
    return text
  }
  return all(parts, scope([]))
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

function asItIs(text: string): string {
  return text
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
  '/': '&#x2F;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"'/]/g, (char) => entities[char]!)
}

/** Everything but what RFC 3986 leaves unreserved. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
