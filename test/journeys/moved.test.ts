/** Mail moves from one account to another; complaints come in from there, and it is held, and then goes back by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { remove, type Waypost, waypost } from '../support/waypost.ts'

const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`

test('complaints hold a move, more of them turn it back, over a restart, until an operator restarts it', async (t) => {
  const [former, latter] = [await fakeResend(), await fakeResend()]
  t.after(() => Promise.all([former.close(), latter.close()]))
  const account = (url: string) =>
    `{ adapter: resend, apiKey: ${resendKey}, baseUrl: "${url}", webhookSecret: ${secret} }`
  const config = `
providers: { former: ${account(former.url)}, latter: ${account(latter.url)} }
routes: [{ name: default, use: { move: { from: former, to: latter, over: 14d, steps: [50%, 100%] } } }]
`
  let gateway: Waypost = await waypost(config)
  t.after(async () => {
    await gateway.stop()
    remove(gateway.folder)
  })
  const sent = async (to: string) => {
    const id = await gateway.send({ from: 'me@example.com', to, subject: 'Hi', text: 'Hi.' })
    const { recipients } = await gateway.until(id, 'sent', 'complained')
    return { id, to, provider: recipients[0].provider as string }
  }
  const complain = async ({ id, to, provider }: { id: string; to: string; provider: string }) => {
    const at = new Date()
    const body = JSON.stringify({
      ...{ type: 'email.complained', created_at: at.toISOString() },
      data: { email_id: 'v-1', to: [to], tags: { waypost: id } },
    })
    const headers = {
      'content-type': 'application/json',
      'svix-id': id,
      'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
      'svix-signature': new Webhook(secret).sign(id, at, body),
    }
    assert.equal((await fetch(`${gateway.url}/hooks/${provider}`, { method: 'POST', headers, body })).status, 200)
  }
  const move = async () => (await gateway.get('/v1/moves')).body.moves[0]
  const says = (what: string) => gateway.log.some((line) => line.includes(what))

  const all = []
  for (let number = 0; number < 90; number++) all.push(await sent(`p${number}@example.net`))
  const moved = all.filter(({ provider }) => provider === 'latter')
  assert.ok(moved.length >= 30 && moved.length <= 60, `${moved.length} of 90 have moved`)
  const one = moved[0]!
  const explained = (await gateway.get(`/v1/messages/${one.id}/explain`)).body
  assert.match(
    explained.candidates[0].reasons[0],
    /^50 % has moved since .*, and this recipient \(drew 0\.[0-4]\d{3}\)$/,
  )
  assert.match(explained.candidates[1].reasons[0], /^behind the new way/)
  assert.equal((await sent(one.to)).provider, 'latter', 'who has moved stays')
  const { state, share, next, seen } = await move()
  assert.deepEqual([state, share, next.share], ['moving', 0.5, 1])
  assert.deepEqual([seen.from.mails, seen.to.mails], [90 - moved.length, moved.length + 1])

  await complain(moved[1]!)
  assert.equal((await move()).state, 'moving', 'one complaint is none')
  await complain(moved[2]!)
  const held = await move()
  assert.deepEqual([held.state, held.share, held.next], ['held', 0.5, null])
  assert.match(held.reason, /^2 complaints of \d\d mails \(\d\.\d\d %\) in a day at latter: more than 0\.10 %$/)
  assert.ok(Date.parse(held.revertsAt) > Date.now())
  assert.ok(says('move is held at its share') && says('alert: move held'))
  assert.equal((await sent(one.to)).provider, 'latter', 'it stays at its share')

  for (const mail of moved.slice(3, 6)) await complain(mail)
  const reverted = await move()
  assert.deepEqual([reverted.state, reverted.share], ['reverted', 0])
  assert.ok(says('alert: move reverted'))
  const figures = (await gateway.get('/metrics')).body as string
  assert.match(figures, /waypost_move_share\{rule="default"\} 0\n/)
  assert.match(figures, /waypost_move_state\{rule="default",state="reverted"\} 1/)
  assert.equal((await sent(one.to)).provider, 'former')

  await gateway.stop()
  gateway = await waypost(config, gateway.folder)
  assert.equal((await move()).state, 'reverted')
  assert.match((await gateway.get('/providers')).body, /reverted[\s\S]*5 complaints of/)
  const plan = (await gateway.post('/v1/explain', { from: 'me@example.com', to: one.to, subject: 'x', text: 'x' })).body
  assert.match(plan.candidates[0].reasons[0], /^nothing moves: all went back on 20\d\d-\d\d-\d\d \(drew 0\.[0-4]/)
  assert.equal((await gateway.post('/v1/moves/nobody/restart', {})).status, 404)
  assert.equal((await gateway.post('/v1/moves/default/restart', {})).body.state, 'moving')
  assert.equal((await sent(one.to)).provider, 'latter')
})
