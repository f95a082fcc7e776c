import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { adapters, exporters } from '../../adapters/index.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { refused } from './reading.ts'

interface Node {
  description?: string
  properties?: Record<string, Node>
  definitions?: Record<string, Node>
  items?: Node
  additionalProperties?: Node | boolean
  anyOf?: Node[]
}

const schema = (await jsonSchema(adapters, exporters)) as Node

/** Every key of the schema with its own description, by path. */
function keys(node: Node, path: string): [path: string, key: string, value: Node][] {
  const inside = [...(node.items ? [node.items] : []), ...(node.anyOf ?? [])]
  if (typeof node.additionalProperties === 'object') inside.push(node.additionalProperties)
  return [
    ...Object.entries(node.properties ?? {}).flatMap(([key, value]): [string, string, Node][] => [
      [`${path}.${key}`, key, value],
      ...keys(value, `${path}.${key}`),
    ]),
    ...Object.entries(node.definitions ?? {}).flatMap(([name, value]) => keys(value, name)),
    ...inside.flatMap((one) => keys(one, path)),
  ]
}

describe('config/waypost.schema.json', () => {
  it('is what the schemas in the code say (else: npm run schema)', async () => {
    const file = new URL('../../config/waypost.schema.json', import.meta.url)
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(schema)))
  })

  it('has help for every key', async () => {
    const bare = keys(schema, '').filter(([, , value]) => !value.description)
    assert.deepEqual(
      bare.map(([path]) => path),
      [],
    )
  })
})

describe('config/README.md', () => {
  it('tells of every key', async () => {
    // The adapters' own settings have their table beside the adapters.
    const readme = ['config', 'adapters']
      .map((folder) => readFileSync(new URL(`../../${folder}/README.md`, import.meta.url), 'utf8'))
      .join('')
    const untold = keys(schema, '').filter(([, key]) => !readme.includes(`\`${key}\``))
    assert.deepEqual([...new Set(untold.map(([path]) => path))], [])
  })
})

describe('every adapter', () => {
  for (const [name] of adapters) {
    it(`${name} refuses a setting that it does not know`, async () => {
      const text = `providers: { a: { adapter: ${name}, nonsense: 1 } }\nroutes: [{ name: d, use: a }]`
      const problems = await refused(text, { adapters })
      assert.ok(
        problems.some((problem) => problem.includes('providers.a.nonsense: unknown key')),
        problems.join('\n'),
      )
    })
  }
})
