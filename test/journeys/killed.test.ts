/** kill -9 at twenty random moments under load: nothing that was acknowledged is lost, and doubled is at most what was at the relay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { eventually, newFolder, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

/** A generator of numbers that a seed repeats (mulberry32), so that a failing run can be run again. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Road {
  kills: number
  type: 'otp' | 'marketing'
  road: 'http' | 'smtp'
}

/** Hands mail in until told to stop, over whichever gateway is alive; answers the ids of what was acknowledged, by recipient. */
function load({ type, road }: Road, gateway: () => WaypostProcess) {
  const acknowledged = new Map<string, string>()
  let number = 0
  let sending = true

  const submit = async (to: string): Promise<string> => {
    const mail = { from: 'me@example.com', to, subject: to, text: 'Code 1234.' }
    if (road === 'http') return gateway().send({ ...mail, type })
    const transport = createTransport({ host: '127.0.0.1', port: gateway().smtpPort, ignoreTLS: true })
    const { response } = await transport.sendMail({ ...mail, headers: { 'X-Waypost-Type': type } })
    return response.match(/msg_\w+/)![0]
  }
  const senders = Array.from({ length: 8 }, async () => {
    while (sending) {
      const to = `p${number++}@example.org`
      try {
        acknowledged.set(to, await submit(to))
      } catch {
        // Not acknowledged: it may be there or not.
        await pause(5)
      }
    }
  })
  return {
    acknowledged,
    async stop() {
      sending = false
      await Promise.all(senders)
    },
  }
}

async function killAgainAndAgain(asked: Road, relay: FakeMx, folder: string, random: () => number): Promise<string> {
  const config = `
retry: { first: 50ms, max: 200ms }
types: { otp: { expire: 1h } }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, breaker: { failures: 1000 } }
routes:
  - { name: default, use: relay }
`
  let gateway = await waypostProcess(config, folder)
  const mail = load(asked, () => gateway)
  const { acknowledged } = mail
  try {
    for (let kill = 0; kill < asked.kills; kill++) {
      const enough = acknowledged.size + 5 + Math.floor(random() * 40)
      await eventually(() => acknowledged.size >= enough, `kill ${kill}: ${enough} taken in`)
      await gateway.kill()
      gateway = await waypostProcess(config, folder)
    }
    await mail.stop()

    const copies = new Map<string, number>()
    let unknown = 0
    const ended = await Promise.all(
      [...acknowledged].map(([to, id]) => gateway.until(id, 'sent', 'held').then((message) => ({ to, message }))),
    )
    for (const { to } of relay.received) for (const email of to) copies.set(email, (copies.get(email) ?? 0) + 1)
    for (const { to, message } of ended) {
      const [recipient] = message.recipients
      const got = copies.get(to) ?? 0
      const unknowns = recipient.attempts.filter((attempt: { outcome: string }) => attempt.outcome === 'unknown').length
      unknown += unknowns
      assert.ok(got <= 1 + unknowns, `${to} was sent ${got} times with ${unknowns} unknown`)
      if (asked.type === 'marketing') assert.ok(got <= 1, `${to} was sent ${got} times, and its type says hold`)
      if (recipient.status === 'sent') assert.ok(got >= 1, `${to} is said to be sent, and is not at the relay`)
      else assert.ok(asked.type === 'marketing' && unknowns > 0, `${to} is held: ${JSON.stringify(message.events)}`)
    }
    const doubled = [...copies.values()].reduce((sum, count) => sum + count - 1, 0)
    return `${acknowledged.size} acknowledged, lost 0, ${doubled} extra copies, ${unknown} unknown outcomes in ${asked.kills} kills`
  } finally {
    await mail.stop()
    await gateway.stop()
  }
}

const roads: Road[] = [
  { kills: 20, type: 'otp', road: 'http' },
  { kills: 6, type: 'otp', road: 'smtp' },
  { kills: 10, type: 'marketing', road: 'http' },
]
for (const asked of roads) {
  test(`${asked.kills} kills, ${asked.road} in, type ${asked.type}`, async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const relay = await fakeMx()
    const folder = newFolder()
    try {
      t.diagnostic(await killAgainAndAgain(asked, relay, folder, dice(seed)))
    } finally {
      await relay.close()
      remove(folder)
    }
  })
}
