/** Two accounts take everything, and one of them delivers little: routes that look at what is delivered find out by its events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { withWaypost } from '../support/waypost.ts'

interface Plan {
  candidates: { provider: string; reasons: string[] }[]
  rejected: { provider: string; reason: string }[]
}

test('what its events say of its mail decides who is used, and is in every explanation', async (t) => {
  const vendor = await fakeResend()
  t.after(() => vendor.close())
  const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`
  const account = `adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", webhookSecret: ${secret}`
  const config = `
providers:
  cheap: { ${account}, cost: { perThousand: 0.1 } }
  dear: { ${account}, cost: { perThousand: 2 } }
types: { guarded: {}, learning: {} }
routes:
  - { name: guarded, when: { type: guarded }, use: { best: { of: [cheap, dear], by: cost, within: { deliverability: 1% } } } }
  - { name: learning, when: { type: [learning, otp] }, use: { adaptive: { of: [cheap, dear], explore: 0% } } }
  - { name: default, use: { best: { of: [cheap, dear], by: balanced, weights: { deliverability: 5, cost: 1 } } } }
`
  await withWaypost(config, async (gateway) => {
    const mail = (to: string, more: object) => ({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.', ...more })
    const tell = async (provider: string, type: string, waypost: string, to: string) => {
      const created_at = new Date().toISOString()
      const body = JSON.stringify({ type, created_at, data: { email_id: 'v-1', to: [to], tags: { waypost } } })
      const at = new Date()
      const headers = {
        'content-type': 'application/json',
        'svix-id': `${provider} ${waypost}`,
        'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
        'svix-signature': new Webhook(secret).sign(`${provider} ${waypost}`, at, body),
      }
      assert.equal((await fetch(`${gateway.url}/hooks/${provider}`, { method: 'POST', headers, body })).status, 200)
    }
    const explain = async (type: string): Promise<Plan> =>
      (await gateway.post('/v1/explain', mail('x@gmail.com', { type }))).body
    const order = ({ candidates }: Plan) => candidates.map(({ provider }) => provider)

    assert.deepEqual(order(await explain('guarded')), ['cheap', 'dear'])
    assert.deepEqual(order(await explain('otp')), ['cheap', 'dear'], 'nothing is known yet, and a code draws nothing')
    for (let number = 0; number < 32; number++) {
      for (const provider of ['cheap', 'dear']) {
        const to = `p${number}@gmail.com`
        const id = await gateway.send(mail(to, { provider }))
        await gateway.until(id, 'sent')
        const lost = provider === 'cheap' && number > 1
        await tell(provider, lost ? 'email.failed' : 'email.delivered', id, to)
      }
    }

    const guarded = await explain('guarded')
    assert.deepEqual(order(guarded), ['dear', 'cheap'])
    assert.match(guarded.candidates[0]!.reasons.join('; '), /^costs 2 per 1,000; 100 % delivered at gmail, of 3\d told/)
    assert.match(
      guarded.candidates[1]!.reasons[1]!,
      /^behind the others: 6\.\d % delivered at gmail, .*best \(100 %\)$/,
    )
    assert.deepEqual(order(await explain('transactional')), ['dear', 'cheap'])
    const code = await explain('otp')
    assert.deepEqual(order(code), ['dear', 'cheap'])
    assert.match(code.candidates[0]!.reasons[0]!, /^adaptive: number 1 of 2, has 0\.9\d{3} .* does not explore$/)

    const id = await gateway.send(mail('someone@gmail.com', { type: 'learning' }))
    const { recipients } = await gateway.until(id, 'sent')
    const drawn: Plan = (await gateway.get(`/v1/messages/${id}/explain`)).body
    assert.equal(recipients[0].provider, order(drawn)[0])
    for (const { reasons } of drawn.candidates) {
      assert.match(
        reasons[0]!,
        /^adaptive: number [12] of 2, drew 0\.\d{4} \(\d+\.\d of 3\d\.\d delivered in time without/,
      )
    }
  })
})
