/** `when`: its shape in the config, and how it is read into the policy's conditions. */
import { RE2JS } from 're2js'
import { z } from 'zod'
import { AddressError, canonical, domainOf } from '../mail/address.ts'
import { isZone } from '../mail/quiet.ts'
import { days } from '../route/local-time.ts'
import { type Condition, fields, type Test } from '../route/policy.ts'
import { noSuchHost } from './mailbox-hosts.ts'
import { didYouMean } from './problems.ts'
import { readDuration, readSize } from './units.ts'

const value = z.union([z.string(), z.number()])

const test = z
  .union([
    value,
    z.array(value).min(1),
    z.strictObject({
      in: z.array(value).min(1).optional().describe('One of these'),
      glob: z.string().min(1).optional().describe('With * for any characters and ? for one'),
      regex: z
        .string()
        .min(1)
        .max(1000)
        .optional()
        .describe('Found anywhere in the value; RE2 syntax, so it always ends'),
      gt: value.optional().describe('More than; for size (10MB), attachments, hour, tries and age (10m)'),
      lt: value.optional().describe('Less than; for size, attachments, hour, tries and age'),
      zone: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Whose hour or day: Europe/Berlin, or metadata.<key>, where the message names the zone. Default: UTC',
        ),
    }),
  ])
  .superRefine((given, context) => {
    if (typeof given !== 'object' || Array.isArray(given) || context.issues.length > 0) return
    const kinds = [given.in, given.glob, given.regex, given.gt ?? given.lt].filter((kind) => kind !== undefined)
    if (kinds.length !== 1) context.addIssue('expected just one of in, glob and regex, or gt and lt')
  })
  .meta({ id: 'test' })

type Value = z.output<typeof value>
type TestShape = z.output<typeof test>

const help: Record<(typeof fields)[number], string> = {
  type: 'The type of mail: otp, transactional, marketing or your own',
  tag: 'Any of its tags',
  tenant: 'Whose message it is',
  from: 'The address of the header From',
  'from.domain': 'The domain of the header From, just that one',
  recipient: "The recipient's address",
  'recipient.domain': "The recipient's domain, just that one",
  'recipient.host': 'The mailbox provider behind the recipient, judged by MX',
  subject: 'The subject, decoded',
  size: 'Bytes, or 10MB',
  attachments: 'How many attachments',
  hour: 'The hour of the day, 0 to 23, UTC unless it has a zone',
  day: 'The day of the week, such as sunday, UTC unless it has a zone',
  tries: 'How often it was tried before, each time over all providers of its rule',
  age: 'How long ago it was accepted, or was to be sent: 10m, with gt or lt',
}

/** A condition; several keys in one mapping must all match. */
export const when: z.ZodType<Condition> = z.lazy(() => shape.transform(read))

const shape = z
  .object({
    all: z.array(when).min(1).optional().describe('Every one of these'),
    any: z.array(when).min(1).optional().describe('At least one of these'),
    not: when.optional().describe('Anything but this'),
    ...(Object.fromEntries(fields.map((field) => [field, test.optional().describe(help[field])])) as Record<
      never,
      never
    >),
  })
  .catchall(test)
  .superRefine((shape, context) => {
    const keys = Object.keys(shape)
    if (keys.length === 0) context.addIssue('is empty; leave "when" out to match everything')
    const words = ['all', 'any', 'not', ...fields]
    const unknown = keys.filter((key) => !words.includes(key) && !/^(header|metadata)\../.test(key))
    const message = [...words, 'header.<name>', 'metadata.<key>'].join(', ')
    if (unknown.length > 0) context.addIssue({ code: 'unrecognized_keys', keys: unknown, message })
  })
  .meta({
    id: 'when',
    minProperties: 1,
    patternProperties: { '^(header|metadata)\\..+$': { $ref: '#/definitions/test' } },
    additionalProperties: false,
  })

function read(given: z.output<typeof shape>, context: z.RefinementCtx): Condition {
  const { all, any, not, ...named } = given
  const conditions: Condition[] = []
  const tests: Record<string, Test> = {}
  for (const [field, given] of Object.entries(named)) {
    if (given === undefined) continue
    const problem = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path: [field, ...path], message })
    // Header names compare in lower case.
    const name = field.startsWith('header.') ? field.toLowerCase() : field
    tests[name] = readTest(field, given as TestShape, problem)
  }
  if (Object.keys(tests).length > 0) conditions.push({ fields: tests })
  if (all) conditions.push({ all })
  if (any) conditions.push({ any })
  if (not) conditions.push({ not })
  return conditions.length === 1 ? conditions[0]! : { all: conditions }
}

type Problem = (path: (string | number)[], message: string) => void

function readTest(field: string, given: TestShape, problem: Problem): Test {
  const zone = typeof given === 'object' && !Array.isArray(given) ? given.zone : undefined
  if (zone === undefined) return readPlain(field, given, problem)
  if (field !== 'hour' && field !== 'day') problem(['zone'], 'only hour and day have a zone')
  else if (!/^metadata\../.test(zone) && !isZone(zone))
    problem(['zone'], 'is no time zone. Give a name such as Europe/Berlin or UTC, or metadata.<key>')
  return { ...readPlain(field, given, problem), zone }
}

function readPlain(field: string, given: TestShape, problem: Problem): Test {
  if (typeof given !== 'object') return { is: readValue(field, given, [], problem) }
  if (Array.isArray(given)) return { in: given.map((one, index) => readValue(field, one, [index], problem)) }
  if (given.in) return { in: given.in.map((one, index) => readValue(field, one, ['in', index], problem)) }
  if (given.glob !== undefined) {
    noPattern(field, 'glob', problem)
    return { glob: given.glob }
  }
  if (given.regex !== undefined) {
    noPattern(field, 'regex', problem)
    try {
      RE2JS.compile(given.regex)
    } catch (error) {
      problem(['regex'], `is not a regular expression of RE2: ${(error as Error).message}`)
    }
    return { regex: given.regex }
  }
  if (given.gt !== undefined || given.lt !== undefined) return readRange(field, given, problem)
  // Unknown keys alone, which were told and do not stop zod before it comes here.
  return { in: [] }
}

function noPattern(field: string, kind: string, problem: Problem): void {
  if (isNumeric(field)) problem([kind], `${field} is a number: use gt and lt, or a value`)
  if (field === 'day') problem([kind], 'a day is one of seven words: use a value or a list')
}

function readRange(field: string, given: { gt?: Value | undefined; lt?: Value | undefined }, problem: Problem): Test {
  if (!isNumeric(field)) {
    problem([], `${field} is text: gt and lt would never match. Use a value, in, glob or regex`)
    return {}
  }
  const range: { gt?: number; lt?: number } = {}
  for (const side of ['gt', 'lt'] as const) {
    const limit = given[side]
    if (limit === undefined) continue
    const number = readNumber(field, limit, [side], problem)
    if (number !== null) range[side] = number
  }
  if (range.gt !== undefined && range.lt !== undefined && range.gt >= range.lt)
    problem([], 'never matches: gt is not below lt')
  return range
}

const isNumeric = (field: string) => ['size', 'attachments', 'hour', 'tries', 'age'].includes(field)

/** A value as the field has it: addresses and domains canonical, numbers as numbers, all else text. */
function readValue(field: string, given: Value, path: (string | number)[], problem: Problem): string | number {
  if (field === 'age') problem(path, 'no mail is just that old: use gt or lt')
  if (isNumeric(field)) return readNumber(field, given, path, problem) ?? 0
  const text = String(given)
  if (field === 'day') return readDay(text, path, problem)
  if (field === 'recipient.host') {
    const wrong = noSuchHost(text)
    if (wrong !== null) problem(path, wrong)
  }
  try {
    if (field === 'recipient' || field === 'from') return canonical(text)
    if (field === 'recipient.domain' || field === 'from.domain') return canonicalDomain(text)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    problem(path, error.message)
  }
  return text
}

function readDay(text: string, path: (string | number)[], problem: Problem): string {
  const day = text.toLowerCase()
  const known: readonly string[] = days
  if (!known.includes(day)) problem(path, `expected one of ${days.join(', ')}${didYouMean(day, days)}`)
  return day
}

/** A domain as addresses have it: lower-case A-labels. @throws AddressError */
export function canonicalDomain(text: string): string {
  if (text.includes('@')) throw new AddressError('expected a domain, not an address')
  return domainOf(canonical(`postmaster@${text}`))
}

const readUnit: Record<string, (text: string) => number | null> = { size: readSize, age: readDuration }
const expected: Record<string, string> = {
  size: 'expected bytes, or a size with its unit: 64KB, 10MB',
  age: 'expected a duration with its unit: 30s, 10m or 1h',
}

function readNumber(field: string, given: Value, path: (string | number)[], problem: Problem): number | null {
  const number = typeof given === 'string' ? (readUnit[field]?.(given) ?? null) : given
  if (number === null || (field === 'age' && typeof given === 'number')) {
    problem(path, expected[field] ?? 'expected a number')
    return null
  }
  if (field === 'hour' && !(Number.isInteger(number) && number >= 0 && number <= 23))
    problem(path, 'an hour is 0 to 23')
  return number
}

/** The types of mail that a `when` names, as the config has it, and where; whatever else may be wrong with it. */
export function typesNamed(when: unknown): { type: string; path: (string | number)[] }[] {
  if (Array.isArray(when)) return when.flatMap((one, index) => under(index, typesNamed(one)))
  if (typeof when !== 'object' || when === null) return []
  const { all, any, not, type } = when as Record<string, unknown>
  const inside = Object.entries({ all, any, not }).flatMap(([key, value]) => under(key, typesNamed(value)))
  if (typeof type === 'string') return [...inside, { type, path: ['type'] }]
  const list = Array.isArray(type) ? type : Object(type).in
  if (!Array.isArray(list)) return inside
  const path = Array.isArray(type) ? ['type'] : ['type', 'in']
  return [...inside, ...list.map((one, index) => ({ type: String(one), path: [...path, index] }))]
}

function under(step: string | number, found: ReturnType<typeof typesNamed>) {
  return found.map((one) => ({ ...one, path: [step, ...one.path] }))
}
