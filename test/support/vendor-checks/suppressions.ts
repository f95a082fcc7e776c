/** What is asked of a vendor whose suppressions can be listed: that every page is read, and that a refusal is no empty list. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VendorSuppression } from '../../../src/mail/adapter.ts'
import type { VendorData } from '../../adapters/fixture.ts'

/** Adds the tests. @param expected all that the desk has, in the order of its lists */
export function suppressionChecks(data: VendorData, expected: VendorSuppression[]): void {
  const list = async (options: unknown) => {
    const all: VendorSuppression[] = []
    for await (const one of data.adapter.suppressions!(data.adapter.options.parse(options), fetch)) all.push(one)
    return all
  }

  test(`${data.adapter.name} gives all of its suppressions`, async (t) => {
    const vendor = await data.vendor()
    t.after(() => vendor.close())
    assert.deepEqual(await list(data.options(vendor.url)), expected)
  })

  test(`${data.adapter.name} that gives no suppressions is not taken for one without any`, async (t) => {
    const vendor = await data.vendor()
    t.after(() => vendor.close())
    for (const reply of [
      { status: 401, body: 'Forbidden' },
      { status: 503, body: '<h1>Later</h1>' },
      { status: 200, body: '<h1>Welcome</h1>' },
      { status: 200, body: '{}' },
    ]) {
      vendor.next({ reply })
      await assert.rejects(list(data.options(vendor.url)), /the vendor/)
    }
  })
}
