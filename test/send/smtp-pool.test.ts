import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { openSession } from '../../src/send/smtp-open.ts'
import { SmtpPool } from '../../src/send/smtp-pool.ts'
import { SmtpSession } from '../../src/send/smtp-session.ts'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'

const { signal } = new AbortController()
let mx: FakeMx
let pool: SmtpPool
afterEach(async () => {
  pool.close()
  await mx.close()
})

async function poolOf(limit: number) {
  mx = await fakeMx()
  pool = new SmtpPool(limit, (stop) =>
    openSession({ host: '127.0.0.1', port: mx.port, tls: 'none', verify: true }, stop),
  )
}

async function taken(): Promise<SmtpSession> {
  const session = await pool.take(signal)
  assert.ok(session instanceof SmtpSession)
  return session
}

test('an idle session is closed with QUIT after half a minute, and the pool is empty then', async () => {
  await poolOf(1)
  await pool.give(await taken())
  assert.equal(pool.sweep(performance.now() + 29_000), false)
  assert.equal(pool.sweep(performance.now() + 31_000), true)
  await mx.until(() => mx.open() === 0)
  assert.ok(mx.sessions[0]!.lines.includes('QUIT'))
})

test('a lent session is not swept', async () => {
  await poolOf(1)
  const session = await taken()
  assert.equal(pool.sweep(performance.now() + 1e9), false)
  assert.ok(session.open)
  await pool.give(session)
})

test('whoever waits gets the session that comes back, in the order of waiting', async () => {
  await poolOf(1)
  const first = await taken()
  const order: number[] = []
  const waiting = [1, 2, 3].map(async (place) => {
    const session = await taken()
    order.push(place)
    assert.equal(session, first)
    await pool.give(session)
  })
  await pool.give(first)
  await Promise.all(waiting)
  assert.deepEqual(order, [1, 2, 3])
})

test('a session that comes back broken makes room for a new one', async () => {
  await poolOf(1)
  const first = await taken()
  const second = taken()
  first.destroy()
  await pool.give(first)
  assert.notEqual(await second, first)
  await pool.give(await second)
})

test('whoever waits when the pool closes is told', async () => {
  await poolOf(1)
  const session = await taken()
  const waiting = pool.take(signal)
  pool.close()
  assert.ok(!((await waiting) instanceof SmtpSession))
  await pool.give(session)
  assert.equal(session.open, false)
})
