/**
 * What rules say about one another: whether all that one matches was taken by those before it. Never wrong when it says yes; a no
 * may only mean that it could not be seen.
 */
import { matcherOf, type RegexEngine } from './match.ts'
import type { Condition, Rule, Test } from './policy.ts'

/** One field's test, or its opposite. */
interface Literal {
  field: string
  test: Test
  not: boolean
}

/** A condition whose `not`s stand at its literals. */
type Plain = { all: Plain[] } | { any: Plain[] } | Literal

/** Literals that hold together; a condition is one or more of these, any of which matches. */
type Case = readonly Literal[]

/** Conditions of more cases than this are not looked into. */
const mostCases = 512
/** Lists up to this length are looked at value by value. */
const shortList = 24

/** The rules of a policy, and what is left for each. */
export class Reach {
  readonly #rules: readonly { name: string; plain: Plain; cases: Case[] | null }[]
  readonly #regex: RegexEngine
  readonly #matchers = new WeakMap<Test, (value: string | number) => boolean>()

  constructor(rules: readonly Pick<Rule, 'name' | 'when'>[], regex: RegexEngine) {
    this.#regex = regex
    this.#rules = rules.map(({ name, when }) => {
      const plain = when === null ? { all: [] } : plainly(when, false)
      const cases = casesOf(plain)
      return { name, plain, cases: cases?.filter((one) => !this.#impossible(one)) ?? null }
    })
  }

  /** How many pairs of a case and a rule there are to look at. */
  get pairs(): number {
    return this.#rules.length * this.#rules.reduce((sum, { cases }) => sum + (cases?.length ?? 0), 0)
  }

  /** False for a condition that is too long to be looked into: nothing is said of such a rule. */
  known(index: number): boolean {
    return this.#rules[index]!.cases !== null
  }

  /** The names of earlier rules that together take all that this one would; none when it excludes itself; null when it can match. */
  takenBy(index: number): string[] | null {
    const { cases } = this.#rules[index]!
    if (cases === null) return null
    const takers = new Set<string>()
    for (const one of cases) {
      const taker = this.#taker(index, one)
      if (taker === null) return null
      takers.add(taker)
    }
    return [...takers]
  }

  /** False when no mail of which this holds too can come to the rule. */
  reaches(index: number, field: string, test: Test): boolean {
    const { cases } = this.#rules[index]!
    if (cases === null) return true
    return cases.some((one) => {
      const narrowed = [...one, { field, test, not: false }]
      return !this.#impossible(narrowed) && this.#taker(index, narrowed) === null
    })
  }

  #taker(index: number, one: Case): string | null {
    for (let before = 0; before < index; before++) {
      const { name, plain } = this.#rules[before]!
      if (this.#implies(one, plain)) return name
    }
    return null
  }

  #implies(one: Case, plain: Plain): boolean {
    if ('all' in plain) return plain.all.every((part) => this.#implies(one, part))
    if ('any' in plain) return plain.any.some((part) => this.#implies(one, part))
    return one.some((literal) => {
      if (!sameValue(literal, plain)) return false
      if (plain.not) {
        return literal.not
          ? this.#within(plain.test, literal.test)
          : isSingle(plain.field) && this.#apart(literal.test, plain.test)
      }
      return !literal.not && this.#within(literal.test, plain.test)
    })
  }

  #impossible(one: Case): boolean {
    return one.some(
      (literal, at) =>
        !literal.not &&
        one.some((other, place) => {
          if (place === at || !sameValue(literal, other)) return false
          if (other.not) return this.#within(literal.test, other.test)
          return isSingle(literal.field) && this.#apart(literal.test, other.test)
        }),
    )
  }

  /** Whether every value that `inner` takes, `outer` takes too. */
  #within(inner: Test, outer: Test): boolean {
    const values = valuesOf(inner)
    if (values) return values.every((value) => this.#takes(outer, value))
    if ('glob' in inner) return ('glob' in outer && inner.glob === outer.glob) || isAnything(outer)
    if ('regex' in inner) return ('regex' in outer && inner.regex === outer.regex) || isAnything(outer)
    if (!isRange(inner) || !isRange(outer)) return false
    const below = outer.gt === undefined || (inner.gt !== undefined && inner.gt >= outer.gt)
    return below && (outer.lt === undefined || (inner.lt !== undefined && inner.lt <= outer.lt))
  }

  /** Whether no value is taken by both. */
  #apart(a: Test, b: Test): boolean {
    const [of, other] = valuesOf(a) ? [valuesOf(a), b] : [valuesOf(b), a]
    if (of) return of.every((value) => !this.#takes(other, value))
    if (!isRange(a) || !isRange(b)) return false
    const ends = (low: Test & { lt?: number }, high: Test & { gt?: number }) =>
      low.lt !== undefined && high.gt !== undefined && low.lt <= high.gt
    return ends(a, b) || ends(b, a)
  }

  #takes(test: Test, value: string | number): boolean {
    let matcher = this.#matchers.get(test)
    if (!matcher) {
      matcher = matcherOf(test, false, this.#regex)
      this.#matchers.set(test, matcher)
    }
    return matcher(value)
  }
}

type Range = { gt?: number; lt?: number }

const isRange = (test: Test): test is Test & Range =>
  !('is' in test) && !('in' in test) && !('glob' in test) && !('regex' in test)

const isAnything = (test: Test) => 'glob' in test && /^\*+$/.test(test.glob)

function valuesOf(test: Test): readonly (string | number)[] | null {
  return 'is' in test ? [test.is] : 'in' in test ? test.in : null
}

function sameValue(a: Literal, b: Literal): boolean {
  return a.field === b.field && (a.test.zone ?? 'UTC') === (b.test.zone ?? 'UTC')
}

/** A message may have several tags, and a header more than once. */
const isSingle = (field: string) => field !== 'tag' && !field.startsWith('header.')

function plainly(condition: Condition, not: boolean): Plain {
  if ('not' in condition) return plainly(condition.not, !not)
  if ('fields' in condition) {
    const literals = Object.entries(condition.fields).map(
      ([field, test]): Literal => ({ field, test: folded(field, hoursOf(field, test)), not }),
    )
    return not ? { any: literals } : { all: literals }
  }
  const parts = ('all' in condition ? condition.all : condition.any).map((part) => plainly(part, not))
  return 'all' in condition === not ? { any: parts } : { all: parts }
}

/** Of hours there are few: a range of them is a list. */
function hoursOf(field: string, test: Test): Test {
  if (field !== 'hour' || !isRange(test)) return test
  const { gt = -1, lt = 24, zone } = test
  const hours = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => hour > gt && hour < lt)
  return { in: hours, ...(zone === undefined ? {} : { zone }) }
}

/** Addresses and hosts are compared in lower case; here they are put so once. */
function folded(field: string, test: Test): Test {
  if (!/^(from|recipient)/.test(field)) return test
  const lower = <Value>(value: Value) => (typeof value === 'string' ? value.toLowerCase() : value) as Value
  if ('is' in test) return { ...test, is: lower(test.is) }
  if ('in' in test) return { ...test, in: test.in.map(lower) }
  return 'glob' in test ? { ...test, glob: lower(test.glob) } : test
}

function casesOf(plain: Plain): Case[] | null {
  if ('all' in plain) {
    let cases: Case[] = [[]]
    for (const part of plain.all) {
      const more = casesOf(part)
      if (more === null || cases.length * more.length > mostCases) return null
      cases = cases.flatMap((one) => more.map((other) => [...one, ...other]))
    }
    return cases
  }
  if ('any' in plain) {
    const cases: Case[] = []
    for (const part of plain.any) {
      const more = casesOf(part)
      if (more === null || cases.length + more.length > mostCases) return null
      cases.push(...more)
    }
    return cases
  }
  const { field, test, not } = plain
  if (not || !('in' in test) || test.in.length > shortList) return [[plain]]
  return test.in.map((value) => [{ field, test: { ...test, in: [value] }, not }])
}
