/**
 * Templates of Jinja's family, as some vendors merge inline content: `{{ name | filter }}`, `if`, `for`, `set`, `autoescape` and
 * `raw`. What is not understood is refused, so that nobody gets half a mail. Pure.
 */
import {
  escapeHtml,
  evaluate,
  type Filter,
  inside,
  Safe,
  TemplateError,
  textOf,
  titleCase,
  truthy,
} from './expression.ts'

export interface Language {
  /** By the first step of a name; names of loops go before. Throws for names that are not to be had here. */
  root(name: string): unknown
  /** Filters besides the common ones, or instead of them. */
  filters?: Readonly<Record<string, Filter>>
  /** Rewrites what stands between the braces. */
  reads?(expression: string): string
}

type Node =
  | { text: string }
  | { print: string }
  | { cases: { when: string | null; body: Node[] }[] }
  | { each: string; names: string[]; body: Node[]; none: Node[] }
  | { set: string; to: string }
  | { escape: boolean; body: Node[] }

const ends: Record<string, string> = { '{{': '}}', '{%': '%}', '{#': '#}' }

/** Text, and what stands between braces, by turns; in one pass, however many braces are not closed. */
function partsOf(template: string): string[] {
  const parts: string[] = []
  const open = /\{[{%#]/g
  const unclosed = new Set<string>()
  let done = 0
  for (let found = open.exec(template); found !== null; found = open.exec(template)) {
    if (unclosed.has(found[0])) continue
    const end = template.indexOf(ends[found[0]]!, found.index + 2)
    if (end === -1) {
      unclosed.add(found[0])
      continue
    }
    parts.push(template.slice(done, found.index), template.slice(found.index, end + 2))
    done = open.lastIndex = end + 2
  }
  return [...parts, template.slice(done)]
}

/** How deep blocks may stand in each other. */
const deepest = 50

/** Steps of all loops together: no template has more to say in one mail. */
const mostSteps = 50_000

/**
 * The text of a template.
 * @param html whether values are escaped for HTML
 * @throws TemplateError
 */
export function rendered(template: string, language: Language, html: boolean): string {
  if (!/\{[{%#]/.test(template)) return template
  const filters = { ...common, ...language.filters }
  let steps = 0
  const value = (expression: string, scope: Scope) =>
    evaluate(
      language.reads?.(expression) ?? expression,
      ([first = '', ...more]) => inside(scope.has(first) ? scope.get(first) : language.root(first), more),
      filters,
    )
  const write = (nodes: readonly Node[], scope: Scope, escaping: boolean): string => {
    let text = ''
    for (const node of nodes) {
      if (++steps > mostSteps) throw new TemplateError('The template has too many steps.')
      if ('text' in node) text += node.text
      else if ('print' in node) {
        const found = value(node.print, scope)
        text += found instanceof Safe || !escaping ? textOf(found) : escapeHtml(textOf(found))
      } else if ('cases' in node) {
        const chosen = node.cases.find(({ when }) => when === null || truthy(value(when, scope)))
        if (chosen) text += write(chosen.body, scope, escaping)
      } else if ('set' in node) scope.set(node.set, value(node.to, scope))
      else if ('escape' in node) text += write(node.body, scope, node.escape && html)
      else {
        const items = itemsOf(value(node.each, scope), node.names.length)
        if (items.length === 0) text += write(node.none, scope, escaping)
        items.forEach((item, index) => {
          const inner: Scope = new Map(scope)
          node.names.forEach((name, place) => {
            inner.set(name, item[place])
          })
          inner.set('loop', place(index, items.length))
          inner.set('forloop', place(index, items.length))
          text += write(node.body, inner, escaping)
        })
      }
    }
    return text
  }
  return write(parse(template), new Map(), html)
}

/** Reads all of a template, also what no values would lead to. @throws TemplateError */
export function checkJinja(template: string, { reads, root, filters }: Language): void {
  const known = { ...common, ...filters }
  const check = (nodes: readonly Node[], own: ReadonlySet<string>) => {
    const names = new Set(own)
    const value = (expression: string) =>
      evaluate(reads?.(expression) ?? expression, ([first = '']) => void (names.has(first) || root(first)), known)
    for (const node of nodes) {
      if ('print' in node) value(node.print)
      else if ('cases' in node) {
        for (const { when, body } of node.cases) {
          if (when !== null) value(when)
          check(body, names)
        }
      } else if ('set' in node) {
        value(node.to)
        names.add(node.set)
      } else if ('escape' in node) check(node.body, names)
      else if ('each' in node) {
        value(node.each)
        check(node.body, new Set([...names, ...node.names, 'loop', 'forloop']))
        check(node.none, names)
      }
    }
  }
  check(parse(template), new Set())
}

type Scope = Map<string, unknown>

/** Where a loop is, by the names of Jinja, Django and pongo2. */
function place(index: number, length: number): Record<string, unknown> {
  const [first, last] = [index === 0, index === length - 1]
  return {
    ...{ index: index + 1, index0: index, first, last, length },
    ...{ counter: index + 1, counter0: index, Counter: index + 1, Counter0: index, First: first, Last: last },
  }
}

function itemsOf(value: unknown, names: number): unknown[][] {
  if (Array.isArray(value)) return value.map((item) => (names > 1 && Array.isArray(item) ? item : [item]))
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

function parse(template: string): Node[] {
  const parts = partsOf(template)
  let at = 0
  let depth = 0
  const body = (...until: string[]): { nodes: Node[]; end: string; rest: string } => {
    const nodes: Node[] = []
    while (at < parts.length) {
      const part = parts[at++]!
      if (part.startsWith('{#') && part.endsWith('#}')) continue
      if (part.startsWith('{{') && part.endsWith('}}')) nodes.push({ print: part.slice(2, -2).replace(/^-|-$/g, '') })
      else if (part.startsWith('{%') && part.endsWith('%}')) {
        const said = part.slice(2, -2).replace(/^-|-$/g, '').trim()
        const name = /^\w*/.exec(said)![0]
        const rest = said.slice(name.length).trim()
        if (until.includes(name)) return { nodes, end: name, rest }
        if (++depth > deepest) throw new TemplateError('Blocks stand too deep in each other.')
        nodes.push(tag(name, rest))
        depth--
      } else if (part !== '') nodes.push({ text: part })
    }
    if (until.length > 0) throw new TemplateError(`\`${until.at(-1)}\` is missing.`)
    return { nodes, end: '', rest: '' }
  }
  const tag = (name: string, rest: string): Node => {
    switch (name) {
      case 'if': {
        const cases: { when: string | null; body: Node[] }[] = []
        let when: string | null = rest
        for (;;) {
          const { nodes, end, rest: next } = body('elif', 'elseif', 'else', 'endif')
          cases.push({ when, body: nodes })
          if (end === 'endif') return { cases }
          when = end === 'else' ? null : next
        }
      }
      case 'for': {
        const found = /^(\w+)(?:\s*,\s*(\w+))?\s+in\s+([\s\S]+)$/.exec(rest)
        if (found === null) throw new TemplateError(`\`for ${rest}\` cannot be read.`)
        const names = [found[1]!, ...(found[2] === undefined ? [] : [found[2]])]
        const { nodes, end } = body('else', 'empty', 'endfor')
        return { each: found[3]!, names, body: nodes, none: end === 'endfor' ? [] : body('endfor').nodes }
      }
      case 'set': {
        const found = /^(\w+)\s*=\s*([\s\S]+)$/.exec(rest)
        if (found === null) throw new TemplateError(`\`set ${rest}\` cannot be read.`)
        return { set: found[1]!, to: found[2]! }
      }
      case 'autoescape':
        return { escape: rest !== 'off' && rest !== 'false', body: body('endautoescape').nodes }
      case 'raw':
      case 'verbatim': {
        const end = parts.findIndex(
          (part, index) => index >= at && new RegExp(`^\\{%-?\\s*end${name}\\s*-?%\\}$`).test(part),
        )
        if (end === -1) throw new TemplateError(`\`end${name}\` is missing.`)
        const text = parts.slice(at, end).join('')
        at = end + 1
        return { text }
      }
      default:
        throw new TemplateError(`The tag \`${name}\` is not understood here.`)
    }
  }
  return body().nodes
}

const onText = (change: (text: string) => string) => (value: unknown) => change(textOf(value))

const common: Record<string, Filter> = {
  default: (value, [other]) => (truthy(value) ? value : other),
  upper: onText((text) => text.toUpperCase()),
  lower: onText((text) => text.toLowerCase()),
  title: onText(titleCase),
  capfirst: onText((text) => text.slice(0, 1).toUpperCase() + text.slice(1)),
  capitalize: onText((text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase()),
  trim: onText((text) => text.trim()),
  escape: (value) => new Safe(escapeHtml(textOf(value))),
  e: (value) => new Safe(escapeHtml(textOf(value))),
  safe: (value) => new Safe(textOf(value)),
  urlencode: onText(encodeURIComponent),
  length: (value) => (Array.isArray(value) ? value.length : textOf(value).length),
  join: (value, [by]) => (Array.isArray(value) ? value.map(textOf).join(textOf(by)) : textOf(value)),
  first: (value) => (Array.isArray(value) ? value[0] : textOf(value).slice(0, 1)),
  last: (value) => (Array.isArray(value) ? value.at(-1) : textOf(value).slice(-1)),
  truncatechars: (value, [most]) => {
    const text = textOf(value)
    return text.length <= Number(most) ? text : `${text.slice(0, Math.max(0, Number(most) - 3))}...`
  },
  floatformat: (value, [places]) => Number(textOf(value)).toFixed(placesIn(places, 1)),
  round: (value, [places]) => Number(Number(textOf(value)).toFixed(placesIn(places, 0))),
}

function placesIn(value: unknown, other: number): number {
  const places = Math.abs(Math.trunc(Number(value ?? other)))
  if (!(places <= 20)) throw new TemplateError('So many decimal places are not written.')
  return places
}
