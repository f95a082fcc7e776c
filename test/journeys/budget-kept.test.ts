/** A budget for three dozen mails, a hundred that want it at once, and a gateway that is killed under them: never one too many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import type { FakeVendor } from '../support/fake-vendors/vendor.ts'
import { eventually, newFolder, remove, type Waypost, waypostProcess } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', subject: 'Hello', text: 'Hi.', type: 'marketing' }
const most = 36

/** Two accounts at 100 per 1,000: each mail costs 0.1. What is not answered goes to the other. */
const config = ({ url }: FakeVendor, inFlight: number) => {
  const account = `adapter: resend, apiKey: ${resendKey}, baseUrl: "${url}", cost: { perThousand: 100 }, limits: { inFlight: ${inFlight} }`
  return `
providers: { one: { ${account} }, two: { ${account} } }
types: { marketing: { onUnknown: failover } }
budgets: { marketing: { type: marketing, perMonth: 3.6 } }
routes: [{ name: default, use: { split: { one: 1, two: 1 } } }]
`
}

/** Money is counted by the UTC month; what is spent here must not be forgotten at its end. */
const soon = new Date(Date.now() + 120_000)
const monthEnds =
  soon.getUTCDate() === 1 && soon.getUTCHours() === 0 && soon.getUTCMinutes() < 3 && 'the month is about to end'

async function sendAll(gateway: Waypost): Promise<string[]> {
  const messages = Array.from({ length: 100 }, (_, number) => ({ ...mail, to: `p${number}@example.org` }))
  const { body } = await gateway.post('/v1/messages/batch', { messages })
  return body.messages.map(({ id }: { id: string }) => id)
}

/** All that could go has gone, and the rest waits. */
async function settled(gateway: Waypost, ids: string[]): Promise<string[]> {
  return eventually(async () => {
    const all = await Promise.all(ids.map((id) => gateway.get(`/v1/messages/${id}`)))
    const statuses: string[] = all.map(({ body }) => body.recipients[0].status)
    return statuses.every((status) => status === 'sent' || status === 'deferred') && statuses
  }, 'all are sent or wait for the budget')
}

for (const [name, inFlight, story] of [
  ['answers never come, and it is killed with all of them under way', 150, 'hang'],
  ['it is killed again and again in the midst of them', 3, 'kills'],
] as const) {
  test(name, { skip: monthEnds }, async () => {
    const vendor = await fakeResend()
    const folder = newFolder()
    const start = () => waypostProcess(config(vendor, inFlight), folder)
    let gateway = await start()
    try {
      if (story === 'hang') vendor.always({ hang: true, taken: true })
      const ids = await sendAll(gateway)
      for (const enough of story === 'hang' ? [most] : [5, 12, 20]) {
        await eventually(() => vendor.taken.length >= enough, `${enough} taken`)
        await gateway.kill()
        vendor.always(null)
        gateway = await start()
      }
      const statuses = await settled(gateway, ids)
      assert.ok(vendor.taken.length <= most, `${vendor.taken.length} were taken of ${most} that there is money for`)
      assert.ok(vendor.taken.length >= 20)
      assert.ok(statuses.includes('deferred'))
      const { candidates, rejected } = (await gateway.post('/v1/explain', { ...mail, to: 'x@example.org' })).body
      assert.deepEqual(candidates, [])
      for (const { reason } of rejected) assert.equal(reason, 'budget marketing is spent: 3.60 of 3.6 this month')
      const reset = await gateway.send({ ...mail, type: 'transactional', to: 'y@example.org' })
      await gateway.until(reset, 'sent')
    } finally {
      await gateway.stop()
      await vendor.close()
      remove(folder)
    }
  })
}
