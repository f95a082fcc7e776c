/**
 * A hundred clients at once, and the gateway is killed among it again and again: no limit is passed by one, whichever it is. Far ends
 * count what they took; what a kill cuts off stays counted and perhaps never arrived.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { eventually, newFolder, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'
import { dice, newSeed } from './dice.ts'

const kills = 4
const clients = 100
const each = 8
/** What of all that is sent may go; each is reached before the next. */
const most = { host: 60, marketing: 120, provider: 200, tenant: 450 }

const key = 'wp_race'
const hash = createHash('sha256').update(key).digest('hex')

const config = (one: FakeMx, two: FakeMx) => `
providers:
  one:
    adapter: smtp
    host: 127.0.0.1
    port: ${one.port}
    tls: none
    limits: { perMonth: ${most.provider}, hosts: { gmail: { perHour: ${most.host} } } }
  two: { adapter: smtp, host: 127.0.0.1, port: ${two.port}, tls: none }
keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send] }]
types: { marketing: { limits: { perDay: ${most.marketing} }, priority: normal } }
tenants: { acme: { limits: { perDay: ${most.tenant} } } }
routes: [{ name: default, use: { first: [one, two] } }]
`

/** Limits are counted by the UTC day; what is counted here must not be forgotten at midnight. */
const nearMidnight = 86_400_000 - (Date.now() % 86_400_000) < 120_000 && 'the UTC day is about to end'

test(`${clients} at once and ${kills} kills: no limit is passed by one`, { skip: nearMidnight }, async (t) => {
  const seed = newSeed()
  t.diagnostic(`seed ${seed}`)
  const random = dice(seed)
  const [one, two, folder] = [await fakeMx(), await fakeMx(), newFolder()]
  const yaml = config(one, two)
  let gateway: WaypostProcess = await waypostProcess(yaml, folder)
  const headers = { authorization: `Bearer ${key}` }
  let taken = 0
  const client = async (number: number) => {
    for (let count = 0; count < each; ) {
      const type = count % 2 ? 'marketing' : 'transactional'
      const to = `p${number}-${count}@${count % 3 === 0 ? 'gmail.com' : 'example.org'}`
      const mail = { from: 'ann@example.com', to, subject: type, text: 'Hi.', type }
      const answer = await gateway.post('/v1/messages', mail, headers).catch(() => null)
      if (answer?.status === 202) count++
      if (answer?.status === 202) taken++
      else await pause(20)
    }
  }
  try {
    const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
    for (let kill = 0; kill < kills; kill++) {
      const enough = ((kill + random()) * clients * each) / kills
      await eventually(() => taken >= enough, `${enough} taken`, 120_000)
      await gateway.kill()
      gateway = await waypostProcess(yaml, folder)
    }
    await load
    const last = `tenant acme is at its limit of ${most.tenant} a day`
    const reached = () =>
      gateway.log.some((line) => line.includes(last)) || one.received.length + two.received.length > most.tenant
    await eventually(reached, 'all limits are reached', 120_000)
    // What is in flight ends first.
    await gateway.stop()
    const all = [...one.received, ...two.received]
    const went = {
      host: one.received.filter(({ to }) => to[0]!.endsWith('@gmail.com')).length,
      marketing: all.filter(({ raw }) => raw.includes('Subject: marketing')).length,
      provider: one.received.length,
      tenant: all.length,
    }
    t.diagnostic(JSON.stringify(went))
    for (const [what, limit] of Object.entries(most)) {
      const count = went[what as keyof typeof most]
      assert.ok(count <= limit, `${what}: ${count} of ${limit}`)
      assert.ok(count > limit / 3, `${what}: only ${count} of ${limit}`)
    }
  } finally {
    await gateway.kill()
    await Promise.all([one.close(), two.close()])
    remove(folder)
  }
})
