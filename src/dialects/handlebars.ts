/**
 * Handlebars and its kin, as far as vendors document them: `{{x}}` escaped, `{{{x}}}` not, `if`, `unless`, `each`, `with`, sections
 * (`{{#x}}`, `{{^x}}`), the conditions and helpers that vendors add, and Mandrill's conditions between backticks. What is not
 * understood is refused. Pure.
 */
import { braces } from './braces.ts'
import { escapeHtml, evaluate, inside, TemplateError, textOf, titleCase, truthy } from './expression.ts'

type Node =
  | { text: string }
  | { print: string; raw: boolean }
  | { block: string; about: string; body: Node[]; otherwise: Node[] }

/** What names are looked up in: the innermost first. */
interface Scope {
  value: unknown
  data: Record<string, unknown>
  outer: Scope | null
}

export interface Manner {
  /**
   * Mustache finds names also further out. Postmark's Mustachio goes through lists with `each` alone, and `../` leads back one step of
   * a path, so that the item of a list is two steps from what has the list.
   */
  as?: 'handlebars' | 'mustache' | 'mustachio'
  /** What to throw for a value that was not given. Left out: it is empty. */
  missing?(name: string): Error
}

/** How deep blocks may stand in each other. */
const deepest = 50

const mostSteps = 50_000

/**
 * The text of a template.
 * @param html whether values between two braces are escaped for HTML
 * @throws TemplateError
 */
export function handlebars(
  template: string,
  values: Readonly<Record<string, unknown>>,
  html: boolean,
  { as = 'handlebars', missing }: Manner = {},
): string {
  if (!template.includes('{{')) return template
  const outwards = as === 'mustache'
  let steps = 0
  const write = (nodes: readonly Node[], scope: Scope): string => {
    let text = ''
    for (const node of nodes) {
      if (++steps > mostSteps) throw new TemplateError('The template has too many steps.')
      if ('text' in node) text += node.text
      else if ('print' in node) {
        const value = said(node.print, scope, outwards)
        if (value === undefined && missing) throw missing(node.print)
        text += html && !node.raw ? escapeHtml(textOf(value)) : textOf(value)
      } else text += block(node, scope)
    }
    return text
  }
  const block = ({ block, about, body, otherwise }: Extract<Node, { block: string }>, scope: Scope): string => {
    const condition = conditions[block]
    if (condition) return write(condition(all(about, scope, outwards)) ? body : otherwise, scope)
    const value = said(about, scope, outwards)
    const within = () => (as === 'mustachio' ? alongPath(about, scope) : { value, data: scope.data, outer: scope })
    const each = () => {
      const items = typeof value === 'object' && value !== null ? Object.entries(value) : []
      const outer = as === 'mustachio' ? within() : scope
      if (items.length === 0) return write(otherwise, scope)
      return items
        .map(([key, item], index) => {
          const data = { key, index, first: index === 0, last: index === items.length - 1 }
          return write(body, { value: item, data, outer })
        })
        .join('')
    }
    switch (block) {
      case 'if':
        return write(truthy(value) ? body : otherwise, scope)
      case 'unless':
        return write(truthy(value) ? otherwise : body, scope)
      case 'with':
        return truthy(value) ? write(body, within()) : write(otherwise, scope)
      case 'each':
        return each()
      default: {
        // A section. To Handlebars what is empty is something.
        const nothing = as === 'handlebars' ? value === undefined || value === null || value === false : !value
        const none = nothing || (Array.isArray(value) && value.length === 0)
        if (block === inverted) return write(none ? body : otherwise, scope)
        if (none) return write(otherwise, scope)
        if (Array.isArray(value) && as !== 'mustachio') return each()
        return write(body, value === true && as !== 'mustachio' ? scope : within())
      }
    }
  }
  return write(parse(template), { value: values, data: {}, outer: null })
}

/** Reads all of a template, also what no values would lead to. @throws TemplateError */
export function checkHandlebars(template: string): void {
  const nowhere: Scope = { value: {}, data: {}, outer: null }
  const check = (nodes: readonly Node[]) => {
    for (const node of nodes) {
      if ('print' in node) said(node.print, nowhere, false)
      else if ('block' in node) {
        if (conditions[node.block]) all(node.about, nowhere, false)
        else said(node.about, nowhere, false)
        check(node.body)
        check(node.otherwise)
      }
    }
  }
  check(parse(template))
}

const section = '#'
const inverted = '^'

function parse(template: string): Node[] {
  const parts = braces(template)
  let at = 0
  let depth = 0
  /** Nodes up to the end of the block, and what ended them. */
  const body = (of: string | null): { nodes: Node[]; end: string } => {
    const nodes: Node[] = []
    while (at < parts.length) {
      const part = parts[at++]!
      const [, slashes = '', braced] = /^(\\{0,2})(\{\{[\s\S]*\}\})$/.exec(part) ?? []
      if (braced === undefined || slashes === '\\') {
        if (part !== '') nodes.push({ text: braced ?? part })
        continue
      }
      if (slashes !== '') nodes.push({ text: '\\' })
      const raw = braced.startsWith('{{{') && braced.endsWith('}}}')
      const said = braced
        .slice(raw ? 3 : 2, raw ? -3 : -2)
        .replace(/^~|~$/g, '')
        .trim()
      const [, sign, rest = ''] = /^([#/!^&>]|else\b)?\s*([\s\S]*)$/.exec(said)!
      if (sign === '!') continue
      if (of !== null && (sign === 'else' || (sign === '^' && rest === ''))) return { nodes, end: `else ${rest}` }
      if (sign === '#' || (sign === '^' && rest !== '')) {
        if (++depth > deepest) throw new TemplateError('Blocks stand too deep in each other.')
        nodes.push(open(rest, sign))
        depth--
      } else if (of !== null && sign === '/' && rest === of) return { nodes, end: '' }
      else if (sign === undefined || sign === '&') nodes.push({ print: rest, raw: raw || sign === '&' })
      else throw new TemplateError(`\`${braced}\` is not understood here.`)
    }
    if (of !== null) throw new TemplateError(`\`{{/${of}}}\` is missing.`)
    return { nodes, end: '' }
  }
  const open = (said: string, sign: '#' | '^', of?: string): Node => {
    const [, name = '', about = ''] = /^(\S+)\s*([\s\S]*)$/.exec(said) ?? []
    const known = sign === '#' && (blocks.has(name) || Object.hasOwn(conditions, name))
    if (!known && (about !== '' || !path.test(name))) {
      throw new TemplateError(`The helper \`${name}\` is not understood here.`)
    }
    const node = known ? { block: name, about } : { block: sign === '#' ? section : inverted, about: name }
    const { nodes, end } = body(of ?? name)
    if (end === '') return { ...node, body: nodes, otherwise: [] }
    const next = end.slice('else '.length).trim()
    const otherwise = next === '' ? body(of ?? name).nodes : [open(next, '#', of ?? name)]
    return { ...node, body: nodes, otherwise }
  }
  return body(null).nodes
}

const blocks = new Set(['if', 'unless', 'each', 'with'])

const number = (value: unknown) => Number(textOf(value))

/** Blocks of SendGrid, and `equal` of Mailgun. */
const conditions: Record<string, (values: unknown[]) => boolean> = {
  __proto__: null as never,
  equal: ([a, b]) => textOf(a) === textOf(b),
  equals: ([a, b]) => textOf(a) === textOf(b),
  notEquals: ([a, b]) => textOf(a) !== textOf(b),
  greaterThan: ([a, b]) => number(a) > number(b),
  lessThan: ([a, b]) => number(a) < number(b),
  and: (values) => values.every(truthy),
  or: (values) => values.some(truthy),
}

const helpers: Record<string, (values: unknown[]) => unknown> = {
  __proto__: null as never,
  upper: ([text]) => textOf(text).toUpperCase(),
  lower: ([text]) => textOf(text).toLowerCase(),
  title: ([text]) => titleCase(textOf(text)),
  url: ([text]) => encodeURIComponent(textOf(text)),
  striptags: ([text]) => textOf(text).replace(/<[^>]*>/g, ''),
  lookup: ([of, key]) => inside(of, [textOf(key)]),
  length: ([list]) => (Array.isArray(list) ? list.length : textOf(list).length),
  /** SendGrid's: `{{insert name "default=Customer"}}`. */
  insert: ([value, other]) => (truthy(value) ? value : textOf(other).replace(/^default=/, '')),
}

/** Words, quoted texts, conditions between backticks, and what stands in parentheses. */
function wordsOf(text: string): string[] {
  const words: string[] = []
  for (let at = 0; at < text.length; ) {
    const quote = text[at]!
    if (/\s/.test(quote)) {
      at++
      continue
    }
    let end: number
    if ('"\'`'.includes(quote)) end = text.indexOf(quote, at + 1) + 1
    else if (quote === '(') end = closing(text, at) + 1
    else end = at + /^(?:\[[^\]]*\]|[^\s(])+/.exec(text.slice(at))![0].length
    if (end <= at) throw new TemplateError(`\`${text}\` cannot be read.`)
    words.push(text.slice(at, end))
    at = end
  }
  return words
}

/** Where a parenthesis is closed; -1 if nowhere. */
function closing(text: string, from: number): number {
  let open = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === '(') open++
    if (text[at] === ')' && --open === 0) return at
  }
  return -1
}

const longest = 1000

function all(expression: string, scope: Scope, outwards: boolean): unknown[] {
  if (expression.length > longest) throw new TemplateError('An expression is too long.')
  return wordsOf(expression).map((word) => meant(word, scope, outwards))
}

/** A value, or a helper's of some. */
function said(expression: string, scope: Scope, outwards: boolean): unknown {
  if (expression.length > longest) throw new TemplateError('An expression is too long.')
  const [name = '', ...rest] = wordsOf(expression)
  if (rest.length === 0) return meant(name, scope, outwards)
  const helper = helpers[name] ?? conditions[name]
  if (!helper) throw new TemplateError(`The helper \`${name}\` is not understood here.`)
  return helper(rest.map((word) => meant(word, scope, outwards)))
}

const path = /^(?:(?:\.\.\/)*(?:this\b|\.|@?[\w-]+)?(?:[./](?:[\w-]+|\[[^\]]*\]))*)$/

function meant(text: string, scope: Scope, outwards: boolean): unknown {
  const quoted = /^(["'])(.*)\1$/s.exec(text)?.[2]
  if (quoted !== undefined) return quoted
  const condition = /^`([\s\S]*)`$/.exec(text)?.[1]
  if (condition !== undefined) return evaluate(condition, (steps) => found(steps, scope, outwards), {})
  if (text.startsWith('(') && text.endsWith(')')) return said(text.slice(1, -1).trim(), scope, outwards)
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === '' || !path.test(text)) throw new TemplateError(`\`${text}\` cannot be read.`)
  const { at, steps } = start(text, scope)
  return found(steps, at, outwards)
}

/** Where a path begins, and its steps from there. */
function start(text: string, scope: Scope): { at: Scope; steps: string[] } {
  let at: Scope = scope
  let rest = text
  while (rest.startsWith('../')) {
    rest = rest.slice(3)
    at = at.outer ?? at
  }
  const steps = rest
    .replace(/\[([^\]]*)\]/g, '$1')
    .split(/[./]/)
    .filter((step) => step !== '')
  return { at, steps }
}

/** In Mustachio each step of a path is a place of its own, from which `../` leads back. */
function alongPath(text: string, scope: Scope): Scope {
  const { at, steps } = start(text, scope)
  let place = at
  for (const step of steps) place = { value: inside(place.value, [step]), data: scope.data, outer: place }
  return place
}

function found([first, ...rest]: readonly string[], scope: Scope, outwards: boolean): unknown {
  if (first === undefined) return scope.value
  if (first === 'this') return inside(scope.value, rest)
  if (first.startsWith('@')) {
    let at: Scope | null = scope
    if (first === '@root') {
      while (at.outer !== null) at = at.outer
      return inside(at.value, rest)
    }
    for (; at !== null; at = at.outer) {
      if (Object.hasOwn(at.data, first.slice(1))) return inside(at.data[first.slice(1)], rest)
    }
    return undefined
  }
  for (let at: Scope | null = scope; at !== null; at = outwards ? at.outer : null) {
    const own = inside(at.value, [first])
    if (own !== undefined) return inside(own, rest)
  }
  return undefined
}
