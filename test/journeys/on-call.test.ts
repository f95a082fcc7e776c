/** A provider fails at night: log and metrics say which, why, since when, how much waits, and what was done by hand. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { eventually, withWaypost } from '../support/waypost.ts'

const mail = {
  from: 'ann@example.com',
  to: 'bob@example.org',
  subject: 'A subject of theirs',
  text: 'A body of theirs.',
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((found) => {
    server.listen(0, '127.0.0.1', () => found((server.address() as { port: number }).port))
  })
  await new Promise((closed) => server.close(closed))
  return port
}

test('what an operator needs to know is in the log and the metrics', async () => {
  const yaml = `
providers:
  relay:
    adapter: smtp
    host: 127.0.0.1
    port: ${await deadPort()}
    user: someone
    pass: a-secret-of-theirs
    breaker: { failures: 1, open: 1h }
routes: [{ name: default, use: relay }]
`
  await withWaypost(yaml, async (gateway) => {
    const logged = (what: string) =>
      eventually(() => gateway.log.map((line) => JSON.parse(line)).find(({ msg }) => msg === what), what)
    const metric = async (line: string) => {
      const { body } = await gateway.get('/metrics')
      const found = body.split('\n').find((one: string) => one.startsWith(`${line} `))
      assert.ok(found, `${line} is not in\n${body}`)
      return Number(found.slice(line.length))
    }

    assert.equal(await metric('waypost_queue_oldest_seconds'), 0)
    const id = await gateway.send(mail)
    const { provider, reason, until } = await logged('provider out of use: its breaker opened')
    assert.equal(provider, 'relay')
    assert.match(reason, /ECONNREFUSED/)
    assert.ok(Date.parse(until) > Date.now())
    await gateway.until(id, 'deferred')
    assert.equal((await logged('message deferred')).id, id)
    assert.equal(await metric('waypost_provider_state{provider="relay",state="open"}'), 1)
    assert.equal(await metric('waypost_attempts_total{provider="relay",outcome="deferred",cause="provider"}'), 1)
    assert.equal(await metric('waypost_attempt_seconds_count{provider="relay"}'), 1)
    assert.equal(await metric('waypost_provider_in_flight{provider="relay"}'), 0)
    assert.equal(await metric('waypost_queue_deliveries{priority="normal"}'), 1)
    assert.ok((await metric('waypost_queue_oldest_seconds')) > 0)

    await gateway.post('/v1/providers/relay/drain', '')
    assert.equal((await logged('provider drained by an operator')).provider, 'relay')
    // For a moment it is looked at again: another provider could take it now.
    const cancel = async () => (await gateway.post(`/v1/messages/${id}/cancel`, '')).status === 200
    await eventually(cancel, 'it can be canceled')
    assert.equal((await logged('message cancel by hand')).id, id)
    assert.equal(await metric('waypost_events_total{type="canceled",provider=""}'), 1)

    assert.equal(await metric('waypost_config_current'), 1)
    gateway.configure(`${yaml}nonsense: 1\n`)
    assert.match((await logged('config not taken over; the old one stays')).problem, /nonsense: unknown key/)
    assert.equal(await metric('waypost_config_current'), 0)
    gateway.configure(yaml)
    await logged('config taken over')
    assert.equal(await metric('waypost_config_current'), 1)

    assert.doesNotMatch(gateway.log.join('\n'), /of theirs|a-secret/)
  })
})
