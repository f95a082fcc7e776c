/** Which rule a message falls under: conditions compiled once, tested for every recipient. */
import { domainOf } from '../mail/address.ts'
import type { Message } from '../mail/message.ts'
import { localTime } from './local-time.ts'
import { type Condition, type Mirror, type Policy, partsOf, type Rule, type Test, type Use } from './policy.ts'

/** What a condition looks at: the message as one recipient will get it. */
export interface Facts {
  message: Pick<
    Message,
    | 'id'
    | 'type'
    | 'tags'
    | 'tenant'
    | 'from'
    | 'subject'
    | 'headers'
    | 'size'
    | 'attachments'
    | 'metadata'
    | 'acceptedAt'
    | 'sendAt'
  >
  /** Canonical address. */
  recipient: string
  /** The mailbox provider behind the recipient, judged by MX; null when nobody asked or nobody knows. */
  host: string | null
  /** Rounds of trying made so far, each over all candidates. */
  tries: number
  /** Epoch milliseconds. */
  now: number
}

/** Makes a matcher of a pattern; the caller hands in an engine that runs in linear time. */
export type RegexEngine = (source: string) => (text: string) => boolean

interface CompiledRule extends Pick<Rule, 'name' | 'use'> {
  matches: (facts: Facts) => boolean
  /** Somewhere in it is an `adaptive`. */
  draws: boolean
}

export interface CompiledPolicy {
  version: string
  rules: CompiledRule[]
  /** Rules that have their mail copied, by name. */
  mirrors: ReadonlyMap<string, Mirror>
  /** Some rule looks at `recipient.host`, so facts need it. */
  needsHost: boolean
}

type Value = string | number | undefined | readonly (string | number)[]

/** Compiles every condition of a policy. @throws what `regex` throws for a pattern it cannot read */
export function compilePolicy(policy: Policy, regex: RegexEngine): CompiledPolicy {
  return {
    version: policy.version,
    rules: policy.rules.map(({ name, when, use }) => ({
      name,
      use,
      draws: draws(use),
      matches: when === null ? () => true : compile(when, regex),
    })),
    mirrors: new Map(policy.rules.flatMap(({ name, mirror }) => (mirror ? [[name, mirror]] : []))),
    needsHost: policy.rules.some(({ when }) => when !== null && looksAtHost(when)),
  }
}

function draws(use: Use): boolean {
  return 'adaptive' in use || partsOf(use).some(draws)
}

/** Whether a condition needs the mailbox provider behind the recipient. */
export function looksAtHost(condition: Condition): boolean {
  if ('all' in condition) return condition.all.some(looksAtHost)
  if ('any' in condition) return condition.any.some(looksAtHost)
  if ('not' in condition) return looksAtHost(condition.not)
  return 'recipient.host' in condition.fields
}

type Matcher = (facts: Facts) => boolean

/** @throws what `regex` throws for a pattern it cannot read */
export function compile(condition: Condition, regex: RegexEngine): Matcher {
  if ('all' in condition) return all(condition.all.map((part) => compile(part, regex)))
  if ('any' in condition) {
    const parts = condition.any.map((part) => compile(part, regex))
    return (facts) => parts.some((part) => part(facts))
  }
  if ('not' in condition) {
    const part = compile(condition.not, regex)
    return (facts) => !part(facts)
  }
  return all(
    Object.entries(condition.fields).map(([field, test]): Matcher => {
      const read = reader(field, test.zone)
      const holds = matcherOf(test, /^(from|recipient)/.test(field), regex)
      return (facts) => {
        const value = read(facts)
        return typeof value === 'object' ? value.some(holds) : value !== undefined && holds(value)
      }
    }),
  )
}

/** Most conditions ask one thing, which then needs no list. */
function all(parts: readonly Matcher[]): Matcher {
  return parts.length === 1 ? parts[0]! : (facts) => parts.every((part) => part(facts))
}

/** How a field is read from the facts; fields with several values (tags, repeated headers) match when any of them does. */
function reader(field: string, zone = 'UTC'): (facts: Facts) => Value {
  if (field === 'hour' || field === 'day') {
    if (!zone.startsWith('metadata.')) return ({ now }) => localTime(now, zone)?.[field]
    const named = reader(zone)
    // A zone that is not named, or that is none, is no hour at all: the condition does not match.
    return (facts) => {
      const zone = named(facts)
      return typeof zone === 'string' ? localTime(facts.now, zone)?.[field] : undefined
    }
  }
  if (field.startsWith('header.')) {
    const name = field.slice('header.'.length).toLowerCase()
    return ({ message }) =>
      message.headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value)
  }
  if (field.startsWith('metadata.')) {
    const key = field.slice('metadata.'.length)
    return ({ message }) => (Object.hasOwn(message.metadata, key) ? message.metadata[key] : undefined)
  }
  const read = readers[field]
  if (!read) throw new Error(`no such field: ${field}`)
  return read
}

/** Rule after rule asks the same of one address: what came of the last is kept. */
function remembering(derive: (email: string) => string): (email: string) => string {
  let last = ''
  let derived = derive(last)
  return (email) => {
    if (email !== last) {
      last = email
      derived = derive(email)
    }
    return derived
  }
}

const lower = {
  from: remembering((email) => email.toLowerCase()),
  recipient: remembering((email) => email.toLowerCase()),
}
const domain = { from: remembering(domainOf), recipient: remembering(domainOf) }

const readers: Record<string, (facts: Facts) => Value> = {
  type: ({ message }) => message.type,
  tag: ({ message }) => message.tags,
  tenant: ({ message }) => message.tenant,
  from: ({ message }) => lower.from(message.from.email),
  'from.domain': ({ message }) => domain.from(message.from.email),
  recipient: ({ recipient }) => lower.recipient(recipient),
  'recipient.domain': ({ recipient }) => domain.recipient(recipient),
  'recipient.host': ({ host }) => host ?? undefined,
  subject: ({ message }) => message.subject,
  size: ({ message }) => message.size,
  attachments: ({ message }) => message.attachments,
  tries: ({ tries }) => tries,
  // What was to be sent later has not waited before.
  age: ({ message, now }) => Math.max(0, now - (message.sendAt ?? message.acceptedAt)),
}

/** @param folded the field holds addresses or hosts, which are compared in lower case */
export function matcherOf(test: Test, folded: boolean, regex: RegexEngine): (value: string | number) => boolean {
  const fold = (value: string | number) => (folded && typeof value === 'string' ? value.toLowerCase() : value)
  if ('is' in test) {
    const wanted = fold(test.is)
    return (value) => value === wanted
  }
  if ('in' in test) {
    const wanted = new Set(test.in.map(fold))
    return (value) => wanted.has(value)
  }
  if ('glob' in test) {
    const matches = compileGlob(String(fold(test.glob)), regex)
    return (value) => matches(String(value))
  }
  if ('regex' in test) {
    const matches = regex(test.regex)
    return (value) => matches(String(value))
  }
  return (value) =>
    typeof value === 'number' &&
    (test.gt === undefined || value > test.gt) &&
    (test.lt === undefined || value < test.lt)
}

/** `*` stands for any characters, `?` for one. With stars alone the pieces between them are looked for from the left, as they come. */
function compileGlob(glob: string, regex: RegexEngine): (text: string) => boolean {
  if (glob.includes('?')) {
    const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&')
    return regex(`^(?s:${escaped.replaceAll('*', '.*').replaceAll('?', '.')})$`)
  }
  const [first, ...pieces] = glob.split('*') as [string, ...string[]]
  const last = pieces.pop()
  if (last === undefined) return (text) => text === glob
  return (text) => {
    const end = text.length - last.length
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
    let at = first.length
    for (const piece of pieces) {
      const found = text.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= end
  }
}
