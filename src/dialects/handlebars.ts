/**
 * Handlebars, as far as a vendor documents it for inline content: `{{x}}` escaped, `{{{x}}}` not, `if`, `unless`, `each`, `with`, and
 * conditions between backticks. What is not understood is refused. Pure.
 */
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

/** Text, and what stands between braces with the backslashes before it; in one pass, however many braces are not closed. */
function partsOf(template: string): string[] {
  const parts: string[] = []
  let done = 0
  for (;;) {
    const open = template.indexOf('{{', done)
    const end = open === -1 ? -1 : template.indexOf('}}', open + 2)
    if (end === -1) return [...parts, template.slice(done)]
    const triple = template.startsWith('{{{', open) && template.startsWith('}}}', end)
    const slashes = /\\{0,2}$/.exec(template.slice(Math.max(done, open - 2), open))![0].length
    parts.push(template.slice(done, open - slashes), template.slice(open - slashes, end + (triple ? 3 : 2)))
    done = end + (triple ? 3 : 2)
  }
}

/** How deep blocks may stand in each other. */
const deepest = 50

const mostSteps = 50_000

/**
 * The text of a template.
 * @param html whether values between two braces are escaped for HTML
 * @throws TemplateError
 */
export function handlebars(template: string, values: Readonly<Record<string, unknown>>, html: boolean): string {
  if (!template.includes('{{')) return template
  let steps = 0
  const write = (nodes: readonly Node[], scope: Scope): string => {
    let text = ''
    for (const node of nodes) {
      if (++steps > mostSteps) throw new TemplateError('The template has too many steps.')
      if ('text' in node) text += node.text
      else if ('print' in node) {
        const found = textOf(said(node.print, scope))
        text += html && !node.raw ? escapeHtml(found) : found
      } else text += block(node, scope)
    }
    return text
  }
  const block = ({ block, about, body, otherwise }: Extract<Node, { block: string }>, scope: Scope): string => {
    const value = meant(about, scope)
    switch (block) {
      case 'if':
        return write(truthy(value) ? body : otherwise, scope)
      case 'unless':
        return write(truthy(value) ? otherwise : body, scope)
      case 'with':
        return truthy(value) ? write(body, { value, data: scope.data, outer: scope }) : write(otherwise, scope)
      default: {
        const items = typeof value === 'object' && value !== null ? Object.entries(value) : []
        if (items.length === 0) return write(otherwise, scope)
        return items
          .map(([key, item], index) => {
            const data = { key, index, first: index === 0, last: index === items.length - 1 }
            return write(body, { value: item, data, outer: scope })
          })
          .join('')
      }
    }
  }
  return write(parse(template), { value: values, data: {}, outer: null })
}

function parse(template: string): Node[] {
  const parts = partsOf(template)
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
      if (sign === '#') {
        if (++depth > deepest) throw new TemplateError('Blocks stand too deep in each other.')
        nodes.push(open(rest))
        depth--
      } else if (of !== null && (sign === 'else' || (sign === '^' && rest === '')))
        return { nodes, end: `else ${rest}` }
      else if (of !== null && sign === '/' && rest === of) return { nodes, end: '' }
      else if (sign === undefined || sign === '&') nodes.push({ print: rest, raw: raw || sign === '&' })
      else throw new TemplateError(`\`${braced}\` is not understood here.`)
    }
    if (of !== null) throw new TemplateError(`\`{{/${of}}}\` is missing.`)
    return { nodes, end: '' }
  }
  const open = (said: string, of?: string): Node => {
    const [, name = '', about = ''] = /^(\w+)\s*([\s\S]*)$/.exec(said) ?? []
    if (!blocks.has(name)) throw new TemplateError(`The helper \`${name}\` is not understood here.`)
    const { nodes, end } = body(of ?? name)
    if (end === '') return { block: name, about, body: nodes, otherwise: [] }
    const next = end.slice('else '.length).trim()
    const otherwise = next === '' ? body(of ?? name).nodes : [open(next, of ?? name)]
    return { block: name, about, body: nodes, otherwise }
  }
  return body(null).nodes
}

const blocks = new Set(['if', 'unless', 'each', 'with'])

const helpers: Record<string, (text: string) => string> = {
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  title: titleCase,
  url: encodeURIComponent,
  striptags: (text) => text.replace(/<[^>]*>/g, ''),
}

/** A value, or a helper's of one. */
function said(expression: string, scope: Scope): unknown {
  const [, name = '', about] = /^(\w+)\s+([\s\S]+)$/.exec(expression) ?? []
  if (about === undefined) return meant(expression, scope)
  const helper = Object.hasOwn(helpers, name) ? helpers[name] : undefined
  if (!helper) throw new TemplateError(`The helper \`${name}\` is not understood here.`)
  return helper(textOf(meant(about, scope)))
}

const path = /^(?:(?:\.\.\/)*(?:this\b|\.|@?[\w-]+)?(?:[./](?:[\w-]+|\[[^\]]*\]))*)$/

function meant(text: string, scope: Scope): unknown {
  const quoted = /^(["'])(.*)\1$/s.exec(text)?.[2]
  if (quoted !== undefined) return quoted
  const condition = /^`([\s\S]*)`$/.exec(text)?.[1]
  if (condition !== undefined) return evaluate(condition, (steps) => found(steps, scope), {})
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (text === '' || !path.test(text)) throw new TemplateError(`\`${text}\` cannot be read.`)
  let at: Scope = scope
  let rest = text
  while (rest.startsWith('../')) {
    rest = rest.slice(3)
    at = at.outer ?? at
  }
  return found(
    rest
      .replace(/\[([^\]]*)\]/g, '$1')
      .split(/[./]/)
      .filter((step) => step !== ''),
    at,
  )
}

function found([first, ...rest]: readonly string[], scope: Scope): unknown {
  if (first === undefined) return scope.value
  if (first === 'this') return inside(scope.value, rest)
  if (first.startsWith('@')) {
    for (let at: Scope | null = scope; at !== null; at = at.outer) {
      if (Object.hasOwn(at.data, first.slice(1))) return inside(at.data[first.slice(1)], rest)
    }
    return undefined
  }
  const own = inside(scope.value, [first])
  return inside(own, rest)
}
