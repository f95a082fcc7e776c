/** Where the vendor publishes an OpenAPI document: every request that its desk took is valid by it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { HttpExchange, SdkCall } from '../../../src/mail/adapter.ts'
import { httpCarrier } from '../../../src/send/http.ts'
import { asTaken, fitting, handoff, type VendorData } from '../../adapters/fixture.ts'

/** Adds the test, for a vendor whose schema is in `test/adapters/openapi` (see `extract.ts` there). */
export function openApiChecks(data: VendorData): void {
  const file = new URL(`../../adapters/openapi/${data.adapter.name}.json`, import.meta.url)
  if (!existsSync(file)) return

  test('asks what the vendor’s OpenAPI document allows', async (t) => {
    const ajv = new Ajv2020({ strict: false, allErrors: true })
    addFormats.default(ajv)
    const valid = ajv.compile(JSON.parse(readFileSync(file, 'utf8')))
    const vendor = await data.vendor()
    const carrier = httpCarrier()
    t.after(async () => {
      await carrier.close()
      await vendor.close()
    })
    const options = data.adapter.options.parse(data.options(vendor.url))
    const way = data.adapter.send as HttpExchange<unknown> | SdkCall<unknown>
    await carrier.send(way, await asTaken(data, handoff(data.people, fitting(data))), options)
    await carrier.send(way, await asTaken(data, handoff(['ann@example.com'], fitting(data))), options)
    assert.equal(vendor.taken.length, 2)
    for (const taken of vendor.taken) {
      const asked = data.openapi ? data.openapi(taken) : JSON.parse(taken.asked.body.toString())
      assert.ok(valid(asked), JSON.stringify(valid.errors, null, 2))
    }
    assert.equal(valid({}), false, 'the schema refuses nothing')
  })
}
