/** A vendor that suddenly refuses every recipient: nobody is suppressed for it, and the mail goes by the next. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fakeMx } from '../support/fake-mx.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

test('three refused in a row, and nobody taken, is the vendor’s fault', async (t) => {
  const sick = await fakeMx({ on: { rcpt: '550 5.1.1 no such user' } })
  const well = await fakeMx()
  t.after(() => Promise.all([sick.close(), well.close()]))
  // The rules of the example, and relays of ours.
  const example = readFileSync('config/examples/policies/20-refuses-everybody.yaml', 'utf8')
  const config = `
providers:
  a: { adapter: smtp, host: 127.0.0.1, port: ${sick.port}, tls: none }
  b: { adapter: smtp, host: 127.0.0.1, port: ${well.port}, tls: none }
${example.slice(example.indexOf('routes:'))}`
  await withWaypost(config, async (gateway) => {
    const send = async (name: string) => {
      const id = await gateway.send({ from: 'me@example.com', to: `${name}@example.org`, subject: 'Hi', text: 'Hi.' })
      const message = await gateway.until(id, 'bounced', 'sent')
      return `${message.recipients[0].status} by ${message.recipients[0].provider}`
    }
    assert.deepEqual([await send('a'), await send('b')], ['bounced by a', 'bounced by a'])
    assert.deepEqual([await send('c'), await send('d'), await send('e')], Array(3).fill('sent by b'))
    await eventually(
      async () => (await gateway.get('/v1/suppressions')).body.suppressions.length === 0,
      'nobody is suppressed',
    )
    assert.ok(gateway.log.some((line) => line.includes('refuses one recipient after the other')))
  })
})
