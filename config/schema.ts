/** Writes `waypost.schema.json`: `npm run schema`. A test holds the file to what this would write. */
import { writeFileSync } from 'node:fs'
import { adapters, exporters } from '../adapters/index.ts'
import { jsonSchema } from '../src/config/json-schema.ts'

const file = new URL('./waypost.schema.json', import.meta.url)
writeFileSync(file, `${JSON.stringify(await jsonSchema(adapters, exporters), null, 2)}\n`)
