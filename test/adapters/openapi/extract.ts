/**
 * Takes what one call sends out of a vendor's OpenAPI document, and writes it beside this file as a JSON Schema of its own:
 * `node test/adapters/openapi/extract.ts resend resend.yaml /emails`. Words of OpenAPI 2 and 3.0 become those of JSON Schema.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parse } from 'yaml'

type Json = Record<string, unknown>

const [name, file, path, method = 'post', type = 'application/json'] = process.argv.slice(2)
if (!name || !file || !path) throw new Error('extract.ts NAME FILE PATH [METHOD] [TYPE]')
const document = parse(readFileSync(file, 'utf8')) as Json
const operation = at(document, ['paths', path, method]) as Json
const sent = bodyOf(operation)
const definitions: Record<string, unknown> = {}
const schema = { ...(taken(sent) as Json), $defs: definitions }
const info = document.info as { title: string; version: string; license?: { name: string } }
const license = info.license ? ` (${info.license.name})` : ''
const source = `${info.title} ${info.version}${license}: ${method.toUpperCase()} ${path}`
writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify({ $comment: source, ...schema }, null, 1)}\n`)

/** The schema of what is sent; in OpenAPI 2 it is a parameter. */
function bodyOf(operation: Json): unknown {
  if (operation.requestBody === undefined)
    return (operation.parameters as Json[]).find((one) => one.in === 'body')!.schema
  const body = resolve(operation.requestBody) as { content: Record<string, { schema: unknown }> }
  return body.content[type!]!.schema
}

function at(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((found, key) => (found as Json)[key], value)
}

function resolve(value: unknown): unknown {
  const reference = (value as Json).$ref
  return typeof reference === 'string' ? resolve(at(document, pointer(reference))) : value
}

function pointer(reference: string): string[] {
  return reference
    .slice(2)
    .split('/')
    .map((key) => decodeURIComponent(key.replaceAll('~1', '/').replaceAll('~0', '~')))
}

/** A schema with what it refers to among our own definitions, and without what is only for people. */
function taken(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(taken)
  if (typeof value !== 'object' || value === null) return value
  const {
    example: _e,
    examples: _s,
    description: _d,
    title: _t,
    discriminator: _i,
    xml: _x,
    nullable,
    ...rest
  } = value as Json
  if (typeof rest.$ref === 'string') {
    const keys = pointer(rest.$ref)
    const key = keys.slice(1).join('.')
    if (!(key in definitions)) {
      definitions[key] = null
      definitions[key] = taken(at(document, keys))
    }
    return { $ref: `#/$defs/${key}` }
  }
  const copy: Json = {}
  for (const [word, inner] of Object.entries(rest)) {
    // Some write the type as a format too.
    if (word.startsWith('x-') || (word === 'format' && inner === rest.type)) continue
    if (word === 'properties') copy[word] = properties(inner as Json)
    else copy[word] = word === 'allOf' ? branches(inner as unknown[]) : taken(inner)
  }
  if (nullable === true && typeof copy.type === 'string') copy.type = [copy.type, 'null']
  return copy
}

/** Names of properties are not words of the schema. */
function properties(given: Json): Json {
  return Object.fromEntries(Object.entries(given).map(([name, inner]) => [name, taken(inner)]))
}

/** A branch that allows no other properties would refuse those of its sisters: some vendors write that, and mean the whole. */
function branches(given: unknown[]): unknown[] {
  return given.map((branch) => {
    const { additionalProperties, ...rest } = resolve(branch) as Json
    return taken(additionalProperties === false ? rest : branch)
  })
}
