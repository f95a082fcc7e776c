/** Expressions of SparkPost's template language: paths, literals, comparisons, `and`, `or`, `not`, `#`, and its macros. Pure. */

/** What stands in a template is not of its language, or goes on without end. */
export class TemplateProblem extends Error {
  override name = 'TemplateProblem'
}

/** Values by name. */
export type Data = Readonly<Record<string, unknown>>

/** What an expression may look at, and how long it may go on. */
export interface Scope {
  data: Data
  /** The loops around, the innermost last. */
  loops: readonly { name: string; value: unknown; index: number }[]
  /** Counts what is worked out, over all of a message. @throws TemplateProblem */
  step(): void
  /** Renders a value that is a template itself. */
  dynamic(template: string): Rendered
}

/** Text that is not to be escaped any more. */
export class Rendered {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Expression = (scope: Scope) => unknown

const pattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(==|!=|~=|<=|>=|[<>()[\].,#-]))/y

interface Token {
  kind: 'text' | 'number' | 'name' | 'sign'
  value: string
}

function tokens(source: string): Token[] {
  const found: Token[] = []
  const text = source.trim()
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    if (match === null) throw new TemplateProblem(`${shortened(text.slice(at).trim())} is not understood.`)
    const [, quoted, number, name, sign] = match
    if (quoted !== undefined) {
      found.push({ kind: 'text', value: quoted.slice(1, -1).replace(/\\(.)/gs, '$1') })
    } else if (number !== undefined) found.push({ kind: 'number', value: number })
    else if (name !== undefined) found.push({ kind: 'name', value: name })
    else found.push({ kind: 'sign', value: sign! })
  }
  return found
}

export function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

/** @throws TemplateProblem */
export function expression(source: string): Expression {
  const reader = new Reader(tokens(source), source)
  const read = reader.or(0)
  reader.end()
  return read
}

/** The last name of a path, by which a nested loop's values are found. */
export function lastName(source: string): string {
  return tokens(source).findLast(({ kind }) => kind === 'name')?.value ?? ''
}

const deepest = 50
const keywords = new Set(['and', 'or', 'not', 'then', 'if', 'else', 'elseif', 'end', 'each', 'do', 'for', 'function'])
const comparisons: Record<string, (a: unknown, b: unknown) => boolean> = {
  '==': same,
  '!=': (a, b) => !same(a, b),
  '~=': (a, b) => !same(a, b),
  '<': (a, b) => order(a, b) < 0,
  '>': (a, b) => order(a, b) > 0,
  '<=': (a, b) => order(a, b) <= 0,
  '>=': (a, b) => order(a, b) >= 0,
}

/** As there, a value that is not there is null. */
function same(a: unknown, b: unknown): boolean {
  return (a ?? null) === (b ?? null)
}

/** Negative, 0 or positive; not a number for what has no order. */
function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a !== 'string' || typeof b !== 'string') return Number.NaN
  return a === b ? 0 : a < b ? -1 : 1
}

/** Only what is false or not there is false: 0 and the empty text are true. */
export function truth(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false
}

class Reader {
  #at = 0
  readonly #tokens: readonly Token[]
  readonly #source: string

  constructor(tokens: readonly Token[], source: string) {
    this.#tokens = tokens
    this.#source = source
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw this.#wrong()
  }

  or(depth: number): Expression {
    if (depth > deepest) throw new TemplateProblem('An expression is nested too deep.')
    let left = this.#and(depth)
    while (this.#take('or')) {
      const [a, b] = [left, this.#and(depth)]
      left = (scope) => {
        const value = a(scope)
        return truth(value) ? value : b(scope)
      }
    }
    return left
  }

  #and(depth: number): Expression {
    let left = this.#not(depth)
    while (this.#take('and')) {
      const [a, b] = [left, this.#not(depth)]
      left = (scope) => {
        const value = a(scope)
        return truth(value) ? b(scope) : value
      }
    }
    return left
  }

  #not(depth: number): Expression {
    let times = 0
    while (this.#take('not')) times++
    const inner = this.#compared(depth)
    if (times === 0) return inner
    return times % 2 === 1 ? (scope) => !truth(inner(scope)) : (scope) => truth(inner(scope))
  }

  #compared(depth: number): Expression {
    const left = this.#value(depth)
    const sign = this.#tokens[this.#at]
    const compare = sign?.kind === 'sign' ? comparisons[sign.value] : undefined
    if (compare === undefined) return left
    this.#at++
    const right = this.#value(depth)
    return (scope) => compare(left(scope), right(scope))
  }

  #value(depth: number): Expression {
    if (this.#take('#')) {
      const inner = this.#value(depth + 1)
      return (scope) => lengthOf(inner(scope))
    }
    if (this.#take('(')) {
      const inner = this.or(depth + 1)
      this.#must(')')
      return inner
    }
    const minus = this.#take('-')
    const token = this.#tokens[this.#at++]
    if (token?.kind === 'number') {
      const number = Number(token.value) * (minus ? -1 : 1)
      return () => number
    }
    if (token === undefined || minus) throw this.#wrong()
    if (token.kind === 'text') return () => token.value
    if (token.kind !== 'name' || keywords.has(token.value)) throw this.#wrong()
    if (token.value === 'true' || token.value === 'false') return () => token.value === 'true'
    if (token.value === 'nil' || token.value === 'null') return () => null
    return this.#take('(') ? this.#macro(token.value, depth) : this.#path(token.value, depth)
  }

  /** `order.lines[1]['name']`, `order[which]`. */
  #path(first: string, depth: number): Expression {
    let value: Expression = (scope) => lookUp(scope, first)
    for (;;) {
      if (this.#take('.')) {
        const name = this.#tokens[this.#at++]
        if (name?.kind !== 'name') throw this.#wrong()
        const [of, key] = [value, name.value]
        value = (scope) => member(of(scope), key)
      } else if (this.#take('[')) {
        const [of, key] = [value, this.or(depth + 1)]
        this.#must(']')
        value = (scope) => member(of(scope), key(scope))
      } else return value
    }
  }

  #macro(name: string, depth: number): Expression {
    const argument = this.#take(')') ? null : this.or(depth + 1)
    if (argument !== null) this.#must(')')
    const braces = /^(opening|closing)_(double|triple)_curly$/.exec(name)
    if (braces && argument === null) {
      const text = new Rendered((braces[1] === 'opening' ? '{' : '}').repeat(braces[2] === 'double' ? 2 : 3))
      return () => text
    }
    if (name === 'empty' && argument !== null) return (scope) => lengthOf(argument(scope)) === 0
    if (name === 'render_dynamic_content' && argument !== null) {
      return (scope) => {
        const template = argument(scope)
        return typeof template === 'string' ? scope.dynamic(template) : null
      }
    }
    throw new TemplateProblem(`There is no macro ${shortened(name)}.`)
  }

  #take(value: string): boolean {
    const token = this.#tokens[this.#at]
    const taken = token?.value === value && (token.kind === 'sign' || token.kind === 'name')
    if (taken) this.#at++
    return taken
  }

  #must(value: string): void {
    if (!this.#take(value)) throw this.#wrong()
  }

  #wrong(): TemplateProblem {
    return new TemplateProblem(`{{${shortened(this.#source.trim())}}} is not understood.`)
  }
}

function lookUp(scope: Scope, name: string): unknown {
  scope.step()
  const inner = scope.loops.at(-1)
  if (inner && name === 'loop_var') return inner.value
  if (inner && name === 'loop_index') return inner.index
  if (inner && name === 'loop_vars') return Object.fromEntries(scope.loops.map((loop) => [loop.name, loop.value]))
  return member(scope.data, name)
}

/** Lists count from 1. */
function member(of: unknown, key: unknown): unknown {
  if (typeof of !== 'object' || of === null) return null
  if (Array.isArray(of)) return typeof key === 'number' ? of[key - 1] : null
  return typeof key === 'string' && Object.hasOwn(of, key) ? (of as Data)[key] : null
}

function lengthOf(value: unknown): number {
  if (Array.isArray(value) || typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}
