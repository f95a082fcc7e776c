/** What is asked of a vendor beside sending: what became of a mail whose answer was lost, and whom it mails no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpExchange, VendorSuppression } from '../../../src/mail/adapter.ts'
import { httpCarrier } from '../../../src/send/http.ts'
import { fitting, handoff, inWords, type VendorData } from '../../adapters/fixture.ts'
import { gathered } from '../gathered.ts'

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

/**
 * Adds the tests that every page of its suppressions is read, and that a refusal is no empty list.
 * @param expected all that the desk has, in the order of its lists, or what is to be true of all
 */
export function suppressionChecks(
  data: VendorData,
  expected: readonly VendorSuppression[] | ((all: VendorSuppression[]) => void),
): void {
  const list = (url: string) =>
    gathered(data.adapter.suppressions!(data.adapter.options.parse(data.options(url)), fetch))

  test(`${data.adapter.name} gives all of its suppressions`, async (t) => {
    const vendor = await data.vendor()
    t.after(() => vendor.close())
    const all = await list(vendor.url)
    if (typeof expected === 'function') expected(all)
    else assert.deepEqual(all, expected)
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
      await assert.rejects(list(vendor.url), /the vendor/)
    }
  })
}
