import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { httpCarrier } from '../../src/send/http.ts'
import { sendgridLists } from '../support/fake-vendors/sendgrid.ts'
import { reconcileChecks, suppressionChecks } from '../support/vendor-checks/questions.ts'
import { handoff, inWords } from './fixture.ts'
import sendgrid from './sendgrid.ts'

describe('sendgrid, asked', () => {
  reconcileChecks(sendgrid)

  const asked = handoff()
  const answered = async (status: number, body: object) => {
    const carrier = httpCarrier()
    const vendor = await sendgrid.vendor()
    vendor.next({ reply: { status, body: JSON.stringify(body) } })
    const options = sendgrid.adapter.options.parse(sendgrid.options(vendor.url))
    const answer = await carrier.reconcile(sendgrid.adapter, asked, options)
    await carrier.close()
    await vendor.close()
    return answer
  }

  test('cannot tell for an account without Email Activity, nor by what is no list', async () => {
    assert.equal(await answered(403, { errors: [{ message: 'access forbidden', field: null }] }), null)
    assert.equal(await answered(404, { errors: [{ message: 'not found', field: null }] }), null)
    assert.equal(await answered(200, {}), null)
  })

  test('tells of each recipient by its own mail', async () => {
    const mail = (to_email: string, msg_id = 'AbC.recvd-1.0') => ({ to_email, msg_id, status: 'processed' })
    const one = await answered(200, { messages: [mail('ANN@example.com'), mail('cy@example.com')] })
    assert.ok(one instanceof Map)
    assert.equal(inWords(one.get('ann@example.com')), 'accepted AbC')
    assert.equal(inWords(one.get('bob@example.com')), 'unknown')
    assert.equal(await answered(200, { messages: [mail('cy@example.com')] }), 'absent')
    // Others of a thousand and more.
    assert.equal(await answered(200, { messages: Array(1000).fill(mail('cy@example.com')) }), null)
    const dropped = await answered(200, { messages: [mail('bob@example.com', 'filter0425p1mdw1-1.0')] })
    assert.ok(dropped instanceof Map)
    assert.equal(inWords(dropped.get('bob@example.com')), 'accepted ')
  })

  test('is not asked in the EU, where nothing is kept', async () => {
    const fetch = () => assert.fail('it was asked')
    for (const where of [{ region: 'eu' }, { baseUrl: 'https://api.eu.sendgrid.com/' }]) {
      const options = sendgrid.adapter.options.parse({ apiKey: 'SG.x', ...where })
      await assert.rejects(sendgrid.adapter.reconcile!(asked, options, fetch), /Email Activity of the EU/)
    }
  })
})

const reasons = [
  ['bounces', 'bounce'],
  ['invalid_emails', 'bounce'],
  ['spam_reports', 'complaint'],
  ['unsubscribes', 'unsubscribe'],
] as const

suppressionChecks(
  sendgrid,
  reasons.flatMap(([list, reason]) =>
    sendgridLists[list]!.map(({ email, created }) => ({ email, reason, at: created * 1000 })),
  ),
)
