/** What operators are told loudly: once until it is over, not more often than every quarter of an hour, and mail never waits for it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createAlarm } from '../src/alarm.ts'
import { type Alert, createAlerts, postAlert } from '../src/alert.ts'
import { diagnostic } from '../src/mail/outcome.ts'
import type { MoveTurn } from '../src/moves.ts'

const minute = 60_000

function hearing() {
  const heard: string[] = []
  const alerts = createAlerts(({ kind, provider, detail }) => heard.push([kind, provider, detail].join('|')))
  const say = (detail: string, at: number) => alerts.alert({ kind: 'breaker opened', provider: 'a', detail, at })
  return { alerts, heard, say }
}

test('once until it is over, and then not before a quarter of an hour has passed', () => {
  const { alerts, heard, say } = hearing()
  say('one', 0)
  say('two', 5 * minute)
  say('three', 20 * minute)
  assert.deepEqual(heard, ['breaker opened|a|one'])
  assert.equal(alerts.over('breaker opened', 'a'), true)
  say('four', 21 * minute)
  assert.equal(alerts.over('breaker opened', 'a'), true)
  say('five', 22 * minute)
  assert.equal(heard.length, 2)
  // What still holds when it may be told again is told then.
  alerts.look(35 * minute)
  alerts.look(36 * minute)
  alerts.look(37 * minute)
  assert.deepEqual(heard.slice(1), ['breaker opened|a|four', 'breaker opened|a|five'])
})

test('of each provider by itself, and what is over before its time is not told', () => {
  const { alerts, heard, say } = hearing()
  say('one', 0)
  alerts.alert({ kind: 'breaker opened', provider: 'b', detail: 'b', at: 0 })
  alerts.over('breaker opened', 'a')
  say('two', minute)
  assert.equal(alerts.over('breaker opened', 'a'), false)
  alerts.look(60 * minute)
  assert.deepEqual(heard, ['breaker opened|a|one', 'breaker opened|b|b'])
})

test('what is not said again is over by itself', () => {
  const { alerts, heard } = hearing()
  const stranded = (at: number) => alerts.alert({ kind: 'no provider left', detail: `at ${at}`, at }, minute)
  stranded(0)
  stranded(minute)
  alerts.look(1.5 * minute)
  stranded(16 * minute)
  assert.equal(heard.length, 1)
  alerts.look(18 * minute)
  stranded(19 * minute)
  assert.equal(heard.length, 2)
})

test('the alarm: breakers, refused credentials, mail that nobody takes, unknowns that double', () => {
  let now = 0
  const heard: Alert[] = []
  const alarm = createAlarm(
    createAlerts((alert) => heard.push(alert)),
    () => now,
    () => 10,
  )
  const kinds = () => heard.splice(0).map(({ kind }) => kind)
  alarm.turned('a', 'open', { until: 30_000, reason: '503 down' })
  assert.match(heard[0]!.detail, /503 down/)
  alarm.turned('a', 'closed', null)
  alarm.turned('b', 'closed', null)
  assert.deepEqual(kinds(), ['breaker opened', 'breaker closed'])
  const refused = { kind: 'deferred', cause: 'account', diagnostic: diagnostic(401, 'bad key') } as const
  alarm.attempted('a', new Map([['x@example.org', refused]]))
  assert.equal(heard[0]!.detail, 'a refuses our account: 401 bad key')
  assert.deepEqual(kinds(), ['credentials refused'])
  alarm.stranded('a: at its limit of 5 a second', now + 200)
  alarm.stranded('a: its breaker is open', now + 30_000)
  assert.deepEqual(kinds(), ['no provider left'])
  alarm.unknowns(10)
  alarm.unknowns(11)
  alarm.unknowns(21)
  assert.deepEqual(kinds(), ['unknown growing'])
  now += 20 * minute
  alarm.unknowns(22)
  assert.match(heard.splice(0)[0]!.detail, /^22 deliveries/)
  const spent = { name: 'marketing', per: 'month', limit: 500, until: now + 60 * minute } as const
  alarm.budget({ ...spent, spent: 401, level: 0.8 })
  assert.equal(heard[0]!.detail, 'budget marketing: 401.00 of 500 a month are spent')
  alarm.budget({ ...spent, spent: 500, level: 1 })
  assert.match(heard[1]!.detail, /500\.00 of 500 a month are spent: what would cost more waits until 1970/)
  assert.deepEqual(kinds(), ['budget running out', 'budget spent'])
})

test('is posted as JSON, tried again, and says why it could not be, without the address', async () => {
  const bodies: unknown[] = []
  const answers = [500, 204, 302, 302]
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    bodies.push(JSON.parse(body))
    response.writeHead(answers.shift() ?? 404, { location: '/secret' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret`
  const alert = { kind: 'breaker opened', provider: 'a', detail: 'down', at: 0 } as const
  try {
    const never = new AbortController()
    assert.equal(await postAlert(url, alert, never.signal, [0, 1, 1]), null)
    assert.deepEqual(bodies[1], {
      kind: 'breaker opened',
      provider: 'a',
      detail: 'down',
      at: '1970-01-01T00:00:00.000Z',
    })
    assert.equal(await postAlert(url, alert, never.signal, [0, 1, 1]), 'it answered 404')
    assert.equal(bodies.length, 5)
    assert.equal(await postAlert(url, alert, AbortSignal.abort()), 'stopping')
  } finally {
    server.close()
    server.closeAllConnections()
  }
  await once(server, 'close')
  assert.equal(await postAlert(url, alert, new AbortController().signal, [0, 1]), 'ECONNREFUSED')
})

test('a move that is held is told, and that it went back; each once, by its rule', () => {
  const heard: Alert[] = []
  const alarm = createAlarm(
    createAlerts((alert) => heard.push(alert)),
    () => 0,
    () => 0,
  )
  const turn = (rule: string, what: MoveTurn['what']) => alarm.moved({ rule, what, share: 0.25, detail: 'why' })
  for (const what of ['begins', 'steps', 'held'] as const) turn('news', what)
  turn('other', 'held')
  turn('news', 'reverted')
  turn('news', 'restarted')
  turn('news', 'done')
  assert.deepEqual(
    heard.map(({ kind, rule, detail }) => [kind, rule, detail]),
    [
      ['move held', 'news', 'the move of news stays at 25 %: why'],
      ['move held', 'other', 'the move of other stays at 25 %: why'],
      ['move reverted', 'news', 'the move of news went back, all mail goes the old way until it is restarted: why'],
    ],
  )
})
