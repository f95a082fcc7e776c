/** What is asked of a vendor beside sending: what became of a mail whose answer was lost, and whom it mails no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange, VendorSuppression } from '../../../src/mail/adapter.ts'
import { httpCarrier } from '../../../src/send/http.ts'
import { fitting, handoff, inWords, type VendorData } from '../../adapters/fixture.ts'

/** Adds the test that a mail is found by what we planted in it. */
export function reconcileChecks(data: VendorData, more: object = {}): void {
  test('tells what became of an answer that was lost', async (t) => {
    const carrier = httpCarrier()
    const vendor = await data.vendor()
    t.after(async () => {
      await carrier.close()
      await vendor.close()
    })
    const options = data.adapter.options.parse({ ...(data.options(vendor.url) as object), ...more })
    const asked = handoff(data.people, fitting(data))
    assert.equal(await carrier.reconcile(data.adapter, asked, options), 'absent')
    // Mail of others is not taken for ours.
    const other = { ...asked, message: { ...asked.message, id: 'msg_01jdother' }, idempotencyKey: crypto.randomUUID() }
    await carrier.send(data.adapter.send as HttpExchange<unknown>, other, options)
    assert.equal(await carrier.reconcile(data.adapter, asked, options), 'absent')
    vendor.next({ reset: 'after-body', taken: true })
    const lost = await carrier.send(data.adapter.send as HttpExchange<unknown>, asked, options)
    assert.equal(inWords(lost.get('ann@example.com')), 'unknown')
    const found = await carrier.reconcile(data.adapter, asked, options)
    assert.ok(found instanceof Map, String(found))
    const taken = vendor.taken.at(-1)!
    for (const { email } of asked.recipients) {
      assert.equal(inWords(found.get(email)), `accepted ${taken.ids?.[email] ?? taken.id}`)
    }
    vendor.next({ reply: { status: 500, body: 'oops' } }, { reply: { status: 200, body: '<html>' } })
    assert.equal(await carrier.reconcile(data.adapter, asked, options), null)
    assert.equal(await carrier.reconcile(data.adapter, asked, options), null)
  })
}

/** Every address that the vendor suppresses. Asserts that it says why where it does not tell. */
export async function suppressed(data: VendorData, more: object = {}): Promise<VendorSuppression[]> {
  const vendor = await data.vendor()
  try {
    const options = data.adapter.options.parse({ ...(data.options(vendor.url) as object), ...more })
    const all: VendorSuppression[] = []
    for await (const one of data.adapter.suppressions!(options, fetch)) all.push(one)
    vendor.next({ reply: { status: 403, body: '{"message":"No."}' } })
    await assert.rejects(async () => {
      for await (const _ of data.adapter.suppressions!(options, fetch));
    }, /the vendor answered 403 to /)
    return all
  } finally {
    await vendor.close()
  }
}
