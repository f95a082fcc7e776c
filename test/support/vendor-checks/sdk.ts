/** The vendor's own SDK beside our adapter, before the same desk: what both ask must mean the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange } from '../../../src/mail/adapter.ts'
import { httpCarrier } from '../../../src/send/http.ts'
import { asTaken, fitting, handoff, type VendorData } from '../../adapters/fixture.ts'

/** Adds the test. */
export function sdkChecks(data: VendorData): void {
  test('asks what the vendor’s own SDK asks', async (t) => {
    const vendor = await data.vendor()
    const carrier = httpCarrier()
    t.after(async () => {
      await carrier.close()
      await vendor.close()
    })
    const options = data.adapter.options.parse(data.options(vendor.url))
    const asked = await asTaken(data, handoff(data.people, fitting(data)))
    await carrier.send(data.adapter.send as HttpExchange<unknown>, asked, options)
    await data.sdk!(vendor.url)
    const [ours, theirs] = vendor.taken
    assert.ok(ours, 'ours was not taken')
    assert.ok(theirs, 'the SDK’s was not taken')
    assert.deepEqual(theirs.recipients, ours.recipients)
    assert.deepEqual(theirs.fields, ours.fields)
    assert.equal(theirs.asked.path, ours.asked.path)
  })
}
