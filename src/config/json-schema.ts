/** The JSON Schema that editors read, made from the very schemas that check a config. */
import { z } from 'zod'
import type { Adapter, Adapters } from '../mail/adapter.ts'
import type { Exporters } from '../mail/exporter.ts'
import { strict } from './providers.ts'
import { configSchema, provider } from './schema.ts'

type Json = Record<string, unknown>

/**
 * JSON Schema (draft 7, which every editor reads) of a config with these adapters and exporters: the settings of a provider follow from its
 * `adapter`, and have their help and completion.
 */
export async function jsonSchema(adapters: Adapters, exporters: Exporters): Promise<Json> {
  const schema = convert(configSchema)
  const common = convert(provider)
  const definitions: Record<string, Json> = { ...(schema.definitions as Record<string, Json>) }
  const define = (key: string, adapter: Adapter, via: Json | null) => {
    const { definitions: own, ...options } = convert(strict(adapter.options))
    Object.assign(definitions, own)
    const { via: _, ...shared } = common.properties as Json
    const properties: Json = { ...shared, ...(options.properties as Json), ...(via ? { via } : {}) }
    properties.adapter = { const: adapter.name, description: adapter.title }
    definitions[key] = {
      type: 'object',
      properties,
      required: ['adapter', ...((options.required as string[] | undefined) ?? [])],
      additionalProperties: false,
    }
  }
  for (const [name, load] of adapters) {
    const adapter = await load()
    if (!adapter.smtp) {
      define(`adapter-${name}`, adapter, null)
      continue
    }
    define(`adapter-${name}-api`, adapter, { const: 'api', description: adapter.title })
    define(`adapter-${name}-smtp`, adapter.smtp, { const: 'smtp', description: adapter.smtp.title })
    definitions[`adapter-${name}`] = {
      if: { properties: { via: { const: 'smtp' } }, required: ['via'] },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { $ref: `#/definitions/adapter-${name}-smtp` },
      else: { $ref: `#/definitions/adapter-${name}-api` },
    }
  }
  definitions.provider = {
    type: 'object',
    properties: { adapter: { enum: [...adapters.keys()], description: 'Which vendor or protocol it speaks' } },
    required: ['adapter'],
    allOf: [...adapters.keys()].map((name) => ({
      if: { properties: { adapter: { const: name } }, required: ['adapter'] },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { $ref: `#/definitions/adapter-${name}` },
    })),
  }
  const providers = (schema.properties as Record<string, Json>).providers!
  providers.additionalProperties = { $ref: '#/definitions/provider' }
  const exported: Record<string, Json> = {}
  for (const [name, load] of exporters) {
    const { title, options } = await load()
    const { $schema: _, ...shape } = convert(strict(options))
    exported[name] = { ...shape, description: title }
  }
  const { exports } = schema.properties as Record<string, Json>
  Object.assign(exports!, { properties: exported, additionalProperties: false })
  delete exports!.propertyNames
  return { ...schema, definitions }
}

function convert(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' }) as Json
}
