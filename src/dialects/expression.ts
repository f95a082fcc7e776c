/** Expressions inside template tags: names with dots, literals, comparisons, `and`, `or`, `not`, and filters after a bar. Pure. */

/** What stands in a template is not of its language, or not of the part that is understood here. */
export class TemplateError extends Error {
  override name = 'TemplateError'
}

/** What `write` makes of a template. @throws what `refusal` says where the template cannot be written out, for the reason it is given */
export function orRefused<T>(write: () => T, refusal: (reason: string) => Error): T {
  try {
    return write()
  } catch (error) {
    throw error instanceof TemplateError ? refusal(error.message) : error
  }
}

/** The value of a name, which is its steps: `order.lines[0]` is order, lines, 0. */
export type Lookup = (path: readonly string[]) => unknown

export type Filter = (value: unknown, args: readonly unknown[]) => unknown

/** Text that is not to be escaped. */
export class Safe {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const pattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?)|([A-Za-z_@]\w*(?:\.\w+|\[(?:\d+|"[^"\]]*"|'[^'\]]*')\])*)|(===?|!=|<>|<=|>=|&&|\|\||[<>=|(),:!]))/y

type Token = { kind: 'value'; value: unknown } | { kind: 'name'; path: string[] } | { kind: 'sign'; sign: string }

/** Some languages have their own signs for the same. */
const signs: Record<string, string> = { '=': '==', '===': '==', '<>': '!=' }

const words: Record<string, Token> = {
  and: { kind: 'sign', sign: '&&' },
  or: { kind: 'sign', sign: '||' },
  not: { kind: 'sign', sign: '!' },
  in: { kind: 'sign', sign: 'in' },
  true: { kind: 'value', value: true },
  false: { kind: 'value', value: false },
  True: { kind: 'value', value: true },
  False: { kind: 'value', value: false },
  none: { kind: 'value', value: null },
  None: { kind: 'value', value: null },
  null: { kind: 'value', value: null },
  nil: { kind: 'value', value: null },
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const said = text.trim()
  pattern.lastIndex = 0
  while (pattern.lastIndex < said.length) {
    const found = pattern.exec(said)
    if (found === null) throw new TemplateError(`\`${said}\` cannot be read.`)
    const [, quoted, number, name, sign] = found
    if (quoted !== undefined) tokens.push({ kind: 'value', value: quoted.slice(1, -1).replace(/\\(.)/g, '$1') })
    else if (number !== undefined) tokens.push({ kind: 'value', value: Number(number) })
    else if (name !== undefined)
      tokens.push(Object.hasOwn(words, name) ? words[name]! : { kind: 'name', path: stepsOf(name) })
    else tokens.push({ kind: 'sign', sign: signs[sign!] ?? sign! })
  }
  return tokens
}

function stepsOf(name: string): string[] {
  return name.replace(/\[["']?([^"'\]]*)["']?\]/g, '.$1').split('.')
}

const longest = 1000

/**
 * The value of an expression.
 * @throws TemplateError
 */
export function evaluate(text: string, lookup: Lookup, filters: Readonly<Record<string, Filter>>): unknown {
  // Nobody's condition is so long; what is, would be read too deep.
  if (text.length > longest) throw new TemplateError('An expression is too long.')
  const tokens = tokensOf(text)
  let at = 0
  const unreadable = () => new TemplateError(`\`${text.trim()}\` cannot be read.`)
  const sign = (...signs: string[]): string | null => {
    const token = tokens[at]
    if (token?.kind !== 'sign' || !signs.includes(token.sign)) return null
    at++
    return token.sign
  }

  const either = (): unknown => {
    let value = both()
    while (sign('||')) {
      const other = both()
      value = truthy(value) ? value : other
    }
    return value
  }
  const both = (): unknown => {
    let value = negated()
    while (sign('&&')) {
      const other = negated()
      value = truthy(value) ? other : value
    }
    return value
  }
  const negated = (): unknown => (sign('!') ? !truthy(negated()) : compared())
  const compared = (): unknown => {
    const left = filtered()
    const by = sign('==', '!=', '<=', '>=', '<', '>', 'in')
    return by === null ? left : compare(left, by, filtered())
  }
  const filtered = (): unknown => {
    let value = one()
    while (sign('|')) {
      const token = tokens[at++]
      const name = token?.kind === 'name' ? token.path.join('.') : ''
      const filter = Object.hasOwn(filters, name) ? filters[name] : undefined
      if (!filter) throw new TemplateError(`The filter \`${name}\` is not understood here.`)
      value = filter(value, args())
    }
    return value
  }
  const args = (): unknown[] => {
    if (sign(':')) return [one()]
    if (!sign('(')) return []
    const list: unknown[] = []
    while (!sign(')')) {
      list.push(either())
      if (!sign(',') && tokens[at]?.kind !== 'sign') throw unreadable()
    }
    return list
  }
  const one = (): unknown => {
    const token = tokens[at++]
    if (token?.kind === 'value') return token.value
    if (token?.kind === 'name') return lookup(token.path)
    if (token?.kind !== 'sign' || token.sign !== '(') throw unreadable()
    const value = either()
    if (!sign(')')) throw unreadable()
    return value
  }

  const value = either()
  if (at < tokens.length) throw unreadable()
  return value
}

function compare(left: unknown, by: string, right: unknown): boolean {
  const [a, b] = [bare(left), bare(right)]
  switch (by) {
    case '==':
      return a === b || (a != null && b != null && String(a) === String(b))
    case '!=':
      return !compare(a, '==', b)
    case 'in':
      return Array.isArray(b) ? b.some((item) => compare(a, '==', item)) : String(b ?? '').includes(String(a))
    case '<':
      return (a as number) < (b as number)
    case '>':
      return (a as number) > (b as number)
    case '<=':
      return (a as number) <= (b as number)
    default:
      return (a as number) >= (b as number)
  }
}

function bare(value: unknown): unknown {
  return value instanceof Safe ? value.text : value
}

export function truthy(value: unknown): boolean {
  const given = bare(value)
  if (Array.isArray(given)) return given.length > 0
  return typeof given === 'object' && given !== null ? Object.keys(given).length > 0 : Boolean(given)
}

/** A value as text stands in a mail: nothing is nothing. */
export function textOf(value: unknown): string {
  const given = bare(value)
  if (given === undefined || given === null) return ''
  return typeof given === 'object' ? JSON.stringify(given) : String(given)
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char]!)
}

/** What a name's further steps lead to; only what a value has itself, never what its kind has. */
export function inside(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as Record<string, unknown>)[step]
  }
  return found
}

export function titleCase(text: string): string {
  return text.toLowerCase().replace(/(?<![\p{L}\p{N}'])\p{L}/gu, (letter) => letter.toUpperCase())
}
