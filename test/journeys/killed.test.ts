/** kill -9 at twenty random moments under load: nothing that was acknowledged is lost, and doubled is at most what was at the relay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import { fakeMx } from '../support/fake-mx.ts'
import { eventually, newFolder, remove, type WaypostProcess, waypostProcess } from '../support/waypost.ts'

const kills = 20
const senders = 8

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

for (const { type, road } of [
  { type: 'otp', road: 'http' },
  { type: 'otp', road: 'smtp' },
  { type: 'marketing', road: 'http' },
] as const) {
  test(`${kills} kills, ${road} in, type ${type}`, async (t) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const random = dice(seed)
    const relay = await fakeMx()
    const config = `
retry: { first: 50ms, max: 200ms }
types: { otp: { expire: 1h } }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, breaker: { failures: 1000 } }
routes:
  - { name: default, use: relay }
`
    const folder = newFolder()
    let gateway: WaypostProcess = await waypostProcess(config, folder)
    /** Mail that was answered with 202 or 250, and mail whose answer never came: that may be there or not. */
    const acknowledged = new Set<string>()
    const ids = new Map<string, string>()
    let number = 0
    let sending = true

    const submit = async (to: string): Promise<string> => {
      const mail = { from: 'me@example.com', to, subject: to, text: 'Code 1234.' }
      if (road === 'http') return gateway.send({ ...mail, type })
      const transport = createTransport({ host: '127.0.0.1', port: gateway.smtpPort, ignoreTLS: true })
      const { response } = await transport.sendMail({ ...mail, headers: { 'X-Waypost-Type': type } })
      return response.match(/msg_\w+/)![0]
    }
    const load = Array.from({ length: senders }, async () => {
      while (sending) {
        const to = `p${number++}@example.org`
        try {
          ids.set(to, await submit(to))
          acknowledged.add(to)
        } catch {
          await pause(5)
        }
      }
    })

    try {
      for (let kill = 0; kill < kills; kill++) {
        const enough = acknowledged.size + 5 + Math.floor(random() * 40)
        await eventually(() => acknowledged.size >= enough, `kill ${kill}: ${enough} taken in`)
        await gateway.kill()
        gateway = await waypostProcess(config, folder)
      }
    } finally {
      sending = false
      await Promise.all(load)
    }

    let inDoubt = 0
    const ended = await Promise.all(
      [...acknowledged].map((to) => gateway.until(ids.get(to)!, 'sent', 'held').then((message) => ({ to, message }))),
    )
    const copies = new Map<string, number>()
    for (const { to } of relay.received) for (const email of to) copies.set(email, (copies.get(email) ?? 0) + 1)
    for (const { to, message } of ended) {
      const [recipient] = message.recipients
      const got = copies.get(to) ?? 0
      const unknowns = recipient.attempts.filter((attempt: { outcome: string }) => attempt.outcome === 'unknown').length
      inDoubt += unknowns
      if (recipient.status === 'sent')
        assert.ok(got >= 1, `${to} is said to be sent, and is not at the relay (seed ${seed})`)
      if (type === 'marketing') assert.ok(got <= 1, `${to} was sent ${got} times (seed ${seed})`)
      assert.ok(got <= 1 + unknowns, `${to} was sent ${got} times with ${unknowns} unknown (seed ${seed})`)
      if (recipient.status === 'held')
        assert.ok(unknowns > 0 || type !== 'otp', `${to} is held without reason (seed ${seed})`)
    }
    const doubled = [...copies.values()].reduce((sum, count) => sum + count - 1, 0)
    t.diagnostic(
      `${acknowledged.size} acknowledged, ${doubled} extra copies, ${inDoubt} unknown outcomes over ${kills} kills`,
    )
    await gateway.stop()
    await relay.close()
    remove(folder)
  })
}
