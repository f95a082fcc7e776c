/** How providers stand, by what they answered and what they told later; time is fed. */
import assert from 'node:assert/strict'
import { afterEach, mock, test } from 'node:test'
import { engine } from '../../src/config/engine.ts'
import { Hosts } from '../../src/hosts.ts'
import { cutShort, diagnostic, type Outcome, type Outcomes } from '../../src/mail/outcome.ts'
import type { Provider } from '../../src/mail/provider.ts'
import { Standings } from '../../src/standing/standing.ts'
import type { Store } from '../../src/store/store.ts'
import type { News } from '../../src/track/inbound.ts'
import { message, provider } from '../support/examples.ts'

const said = diagnostic('451', 'try later')
const accepted: Outcome = { kind: 'accepted', providerMessageId: 'x' }
const fault: Outcome = { kind: 'deferred', cause: 'provider', diagnostic: said }
const refusedByHost: Outcome = { kind: 'deferred', cause: 'host', diagnostic: said }
const account: Outcome = { kind: 'rejected', cause: 'account', diagnostic: said }
const minute = 60_000
const breaker = { failures: 3, open: 30_000, probes: 1, observe: false }
const load = (to: string) => ({ type: 'transactional', tenant: 'acme', to: [to] })

afterEach(() => mock.timers.reset())

async function stand(providers: Provider[], kept = new Map<string, unknown>(), mx: Record<string, string> = {}) {
  if (kept.size === 0) mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 })
  const turns: string[] = []
  const seen: Record<string, number> = {}
  const asked: string[] = []
  const store = {
    state: async (key: string) => kept.get(key) ?? null,
    setState: async (key: string, value: unknown) => void kept.set(key, JSON.parse(JSON.stringify(value))),
    usage: async () => ({}),
  } as unknown as Store
  const hosts = new Hosts(async (domain) => {
    asked.push(domain)
    return mx[domain] ?? null
  }, Date.now)
  const standings = await Standings.open(
    {
      ...{
        store,
        clock: Date.now,
        dice: () => 0.5,
        hosts,
        regex: engine,
        turned: (name, what) => turns.push(`${name} ${what}`),
      },
      seen(_, what) {
        seen[what] = (seen[what] ?? 0) + 1
      },
    },
    providers,
  )
  let serial = 0
  return {
    ...{ standings, turns, seen, kept, asked },
    at: (name: string, recipient: string) => standings.forMessage(message(), recipient, Date.now()).get(name)!,
    async send(name: string, to: string, outcome: Outcome, more: { lastResort?: boolean } = {}) {
      const id = `msg_${++serial}`
      if (typeof standings.take(name, load(to), Date.now(), more) === 'string') return null
      const outcomes: Outcomes = new Map([[to, outcome]])
      return (await standings.call(name, message({ id }), async () => outcomes, more)) && id
    },
    tell(name: string, messageId: string, recipient: string, type: News['type'], bounce: News['bounce'] = null) {
      standings.heard(name, { messageId, tenant: '', recipient, mailType: 'transactional', type, bounce, words: null })
    },
    view: (name: string) => standings.views().find((one) => one.name === name)!,
    pass: (milliseconds: number) => mock.timers.tick(milliseconds),
  }
}

test('a host that defers what comes from one provider shuts that provider for that host alone', async () => {
  const { at, send, turns, view, asked, pass } = await stand([provider('a'), provider('b')])
  for (let mail = 0; mail < 10; mail++)
    await send('a', `p${mail}@${mail % 2 ? 'outlook.com' : 'hotmail.com'}`, refusedByHost)
  assert.match(at('a', 'x@live.com').sick!.words, /^sick at outlook: 10 of 10/)
  assert.equal(at('a', 'x@gmail.com').sick, undefined)
  assert.equal(at('b', 'x@outlook.com').sick, undefined)
  assert.deepEqual(turns, ['a sick'])
  assert.equal(view('a').state, 'ready', 'the provider is not to blame')
  assert.equal(view('a').success, 1)
  assert.deepEqual(view('a').hosts[0], {
    ...{ host: 'outlook', state: 'shut', until: Date.now() + 2 * minute, bad: 10, of: 10, success: 0, repeats: 0 },
  })
  assert.deepEqual(asked, [])
  assert.equal(await send('a', 'x@outlook.com', accepted), null, 'not even when it was planned before')
  pass(2 * minute)
  assert.equal(at('a', 'x@outlook.com').sick?.say, 'probe')
  assert.notEqual(await send('a', 'x@outlook.com', accepted), null)
  assert.equal(at('a', 'x@outlook.com').sick, undefined)
  assert.deepEqual(turns, ['a sick', 'a well'])
})

test('two mails do not probe a host at once', async () => {
  const { send, standings, pass } = await stand([provider('a')])
  for (let mail = 0; mail < 10; mail++) await send('a', 'p@outlook.com', refusedByHost)
  pass(2 * minute)
  const take = (to: string) => {
    const taken = standings.take('a', load(to), Date.now())
    return typeof taken === 'string' ? taken : null
  }
  assert.equal(take('p@outlook.com'), null)
  assert.match(take('p@outlook.com')!, /^sick at outlook/)
  assert.equal(take('p@gmail.com'), null)
})

test('what a vendor tells later finds it sick at a host although it took everything', async () => {
  const { at, send, tell } = await stand([provider('a')])
  const first = (await send('a', 'p@gmail.com', accepted))!
  tell('a', first, 'p@gmail.com', 'delivered')
  for (let mail = 0; mail < 10; mail++) {
    const id = (await send('a', 'p@outlook.com', accepted))!
    for (let again = 0; again < 3; again++) tell('a', id, 'p@outlook.com', 'deferred')
    assert.equal(at('a', 'p@outlook.com').sick !== undefined, mail === 9, `mail ${mail}`)
  }
  assert.equal(at('a', 'p@gmail.com').sick, undefined)
})

test('blocked mail counts against it; a bounce by the mailbox, and a deferral that ends well, do not', async () => {
  const { at, send, tell } = await stand([provider('a'), provider('b')])
  for (let mail = 0; mail < 30; mail++) {
    const well = (await send('a', 'p@outlook.com', accepted))!
    if (mail % 2) tell('a', well, 'p@outlook.com', 'bounced', mail % 4 === 1 ? 'hard' : 'soft')
    else for (const type of ['deferred', 'deferred', 'delivered'] as const) tell('a', well, 'p@outlook.com', type)
    const ill = await send('b', 'p@outlook.com', accepted)
    if (ill !== null) tell('b', ill, 'p@outlook.com', 'bounced', 'block')
  }
  assert.equal(at('a', 'p@outlook.com').sick, undefined)
  assert.match(at('b', 'p@outlook.com').sick!.words, /^sick at outlook: 10 of 10 deferred or blocked/)
})

test('whose a domain is, is looked up only for bad news and while a host is sick; nobody waits for it', async () => {
  const mx = { 'firm.example': 'outlook', 'other.example': 'outlook' }
  const { at, send, asked } = await stand([provider('a')], new Map(), mx)
  await send('a', 'p@firm.example', accepted)
  at('a', 'p@other.example')
  assert.deepEqual(asked, [])
  for (let mail = 0; mail < 10; mail++) await send('a', 'p@firm.example', refusedByHost)
  await new Promise(setImmediate)
  assert.deepEqual(asked, ['firm.example'])
  assert.equal(at('a', 'p@outlook.com').sick?.say, 'shut')
  assert.equal(at('a', 'p@other.example').sick, undefined)
  await new Promise(setImmediate)
  assert.equal(at('a', 'p@other.example').sick?.say, 'shut', 'known by the next time')
})

test('sick hosts and breakers outlive the process', async () => {
  const before = await stand([provider('a', { breaker })])
  for (let mail = 0; mail < 10; mail++) await before.send('a', 'p@outlook.com', refusedByHost)
  for (let mail = 0; mail < 3; mail++) await before.send('a', 'p@gmail.com', fault)
  const after = await stand([provider('a', { breaker })], before.kept)
  assert.equal(after.at('a', 'p@outlook.com').sick?.say, 'shut')
  assert.equal(after.view('a').state, 'open')
})

test('one that accepts and does not deliver is found out, and is still better than none', async () => {
  const told = provider('a', { breaker })
  const webhook = { tells: ['delivered'], secrets: [], setup: '', verify: () => true, read: () => [] } as const
  const { at, send, tell, pass, view } = await stand([{ ...told, adapter: { ...told.adapter, webhook } }])
  for (let mail = 0; mail < 50; mail++) {
    const id = (await send('a', 'p@gmail.com', accepted))!
    pass(10_000)
    if (mail < 20) tell('a', id, 'p@gmail.com', 'delivered')
  }
  assert.equal(view('a').state, 'ready')
  pass(11 * minute)
  for (let mail = 0; mail < 3; mail++) await send('a', 'p@gmail.com', accepted)
  assert.equal(view('a').state, 'open')
  assert.match(view('a').reason!, /^it accepts mail and does not deliver it: 30 one after the other /)
  assert.equal(at('a', 'p@gmail.com').closed?.lastResort, 1)
})

test('the last resort: good of late, few at once, never for a bad account', async () => {
  const { at, send, standings, view } = await stand([
    provider('flaky', { breaker }),
    provider('dead', { breaker }),
    provider('blocked', { breaker }),
  ])
  for (const name of ['flaky', 'blocked'])
    for (let mail = 0; mail < 20; mail++) await send(name, 'p@gmail.com', accepted)
  for (const name of ['flaky', 'dead']) for (let mail = 0; mail < 3; mail++) await send(name, 'p@gmail.com', fault)
  await send('blocked', 'p@gmail.com', account)
  const resort = (name: string) => at(name, 'p@gmail.com').closed!.lastResort
  assert.ok(resort('flaky')! > 0.7)
  assert.deepEqual([resort('dead'), resort('blocked')], [undefined, undefined])
  assert.equal(await send('flaky', 'p@gmail.com', accepted), null)
  assert.notEqual(await send('flaky', 'p@gmail.com', accepted, { lastResort: true }), null)
  assert.equal(view('flaky').state, 'open', 'it is not closed by that')
  assert.equal(await send('dead', 'p@gmail.com', accepted, { lastResort: true }), null)
  let made = 0
  for (let mail = 0; mail < 40; mail++) if (await send('flaky', 'p@gmail.com', fault, { lastResort: true })) made++
  assert.ok(made > 5 && made < 20, `${made}: then it is as good as none`)
  assert.equal(resort('flaky'), undefined)
  assert.ok(standings)
})

test('ten last resorts at once; who finds no room looks again soon', async () => {
  const { at, send, standings } = await stand([provider('a', { breaker: { ...breaker, open: 10 * minute } })])
  for (let mail = 0; mail < 20; mail++) await send('a', 'p@gmail.com', accepted)
  for (let mail = 0; mail < 3; mail++) await send('a', 'p@gmail.com', fault)
  const { promise, resolve } = Promise.withResolvers<Outcomes>()
  const calls = Array.from({ length: 10 }, () => standings.call('a', message(), () => promise, { lastResort: true }))
  assert.equal(await send('a', 'p@gmail.com', accepted, { lastResort: true }), null)
  const { lastResort, until } = at('a', 'p@gmail.com').closed!
  assert.deepEqual([lastResort, until], [undefined, Date.now() + 5_000])
  resolve(new Map([['p@gmail.com', accepted]]))
  await Promise.all(calls)
  assert.ok(at('a', 'p@gmail.com').closed!.lastResort! > 0.7)
})

test('with `observe` nothing is kept away, and views and log say what would be', async () => {
  const { at, send, view, turns, pass } = await stand([provider('a', { breaker: { ...breaker, observe: true } })])
  for (let mail = 0; mail < 10; mail++) await send('a', 'p@outlook.com', refusedByHost)
  for (let mail = 0; mail < 20; mail++) assert.notEqual(await send('a', 'p@gmail.com', fault), null)
  const { sick, closed, share } = at('a', 'p@outlook.com')
  assert.deepEqual([sick, closed, share], [undefined, undefined, undefined])
  assert.deepEqual(turns, ['a sick', 'a would open'])
  assert.deepEqual(
    [view('a').state, view('a').observed, view('a').share, view('a').hosts.length],
    ['ready', 'open', 1, 1],
  )
  pass(30_000)
  await send('a', 'p@gmail.com', accepted)
  assert.deepEqual([view('a').observed, turns.at(-1)], ['returning', 'a would close'])
})

test('coming back shows as such, with its share', async () => {
  const { send, view, pass, at, turns } = await stand([provider('a', { breaker })])
  for (let mail = 0; mail < 3; mail++) await send('a', 'p@gmail.com', fault)
  assert.deepEqual([view('a').state, view('a').share], ['open', 0])
  pass(30_000)
  await send('a', 'p@gmail.com', accepted)
  assert.deepEqual([view('a').state, view('a').share, view('a').reason], ['returning', 0.1, '451 try later'])
  assert.equal(at('a', 'p@gmail.com').share, 0.1)
  pass(30_000)
  assert.deepEqual([view('a').state, view('a').share, view('a').reason], ['ready', 1, null])
  assert.deepEqual(turns, ['a open', 'a closed'])
})

test('one attempt that was in a hurry says nothing against the provider, nor any number of a host', async () => {
  const { at, send, view, turns, pass } = await stand([provider('a', { breaker }), provider('b', { breaker })])
  const hurried = diagnostic(cutShort, 'was to take it within 3000 ms: no answer in time')
  const cut: Outcome = { kind: 'unknown', diagnostic: hurried }
  await send('a', 'p@outlook.com', accepted)
  for (let mail = 0; mail < 5; mail++) await send('a', 'p@outlook.com', cut)
  const late: Outcome = { kind: 'deferred', cause: 'host', diagnostic: hurried }
  for (let mail = 0; mail < 30; mail++) await send('a', 'p@outlook.com', late)
  assert.deepEqual([view('a').state, at('a', 'p@outlook.com').sick, turns], ['ready', undefined, []])
  assert.ok(view('a').success! < 0.1, 'but it shows')
  // Twice as often as faults might come in a row, it does.
  await send('a', 'p@outlook.com', cut)
  assert.deepEqual([view('a').state, view('a').reason], ['open', `deadline ${hurried.reason}`])
  // Neither does it make good what was a fault.
  await send('b', 'p@gmail.com', fault)
  await send('b', 'p@gmail.com', fault)
  await send('b', 'p@gmail.com', cut)
  await send('b', 'p@gmail.com', fault)
  assert.equal(view('b').state, 'open')
  pass(30_000)
  await send('b', 'p@gmail.com', cut)
  assert.equal(view('b').state, 'open', 'a probe that was not waited for proves nothing')
})

test('mail that one provider does not take from its domain stands in nobody’s way', async () => {
  const { send, standings, at } = await stand([provider('a', { breaker })])
  const now = Date.now()
  await send('a', 'p@gmail.com', { kind: 'rejected', cause: 'identity', diagnostic: said })
  const wait = (id: string, from: string) =>
    standings.wait(
      {
        message: message({ id, from: { email: from, name: '' } }),
        ...{ to: ['p@gmail.com'], providers: ['a'], waits: 0, openAt: now + 10 * minute },
      },
      0.5,
    )
  assert.equal(wait('msg_w', 'ann@example.com'), now + 10 * minute)
  const fresh = message({ id: 'msg_f', from: { email: 'bob@example.net', name: '' } })
  assert.equal(standings.forMessage(fresh, 'p@gmail.com', now).get('a')!.closed, undefined)
  // Where it takes nobody's, who waits goes first.
  for (let mail = 0; mail < 3; mail++) await send('a', 'p@gmail.com', fault)
  assert.match(at('a', 'p@gmail.com').closed!.reason, /^its breaker is open/)
  const turns = [wait('msg_x', 'bob@example.net'), wait('msg_y', 'bob@example.net')]
  assert.deepEqual(turns, [now + 30_000, now + 30_001])
})

test('while only a probe may go a few look each time, but where mail has something else to wait for as well', async () => {
  const limits = { perSecond: null, perMinute: null, perHour: null, perDay: 1, perMonth: null, inFlight: 150 }
  const names = ['good', 'dead', 'dead too']
  const { send, standings, turns } = await stand([
    ...names.map((name) => provider(name, { breaker })),
    provider('limited', { limits }),
  ])
  const now = Date.now()
  for (let mail = 0; mail < 9; mail++) await send('good', 'p@gmail.com', accepted)
  await send('limited', 'p@gmail.com', accepted)
  for (const name of names) for (let mail = 0; mail < 3; mail++) await send(name, 'p@gmail.com', fault)
  assert.deepEqual(turns, ['good open', 'dead open', 'dead too open'])
  let mails = 0
  const five = (...providers: string[]) =>
    Array.from({ length: 5 }, () => {
      const waiter = { to: ['p@gmail.com'], providers, waits: 0, openAt: now + 30_000 }
      return standings.wait({ message: message({ id: `msg_${++mails}` }), ...waiter }, 0.5) - now
    })
  const [few, all] = [
    [30_000, 30_000, 30_000, 60_000, 60_000],
    [30_000, 30_001, 30_002, 30_003, 30_004],
  ]
  assert.deepEqual(five('dead too', 'dead'), few)
  assert.deepEqual(five('dead', 'limited'), all)
  assert.equal(five('good')[4]! - 30_000, 4, 'one that is used for want of another')
})

test('a mail is seen once, and its deferral once, in answers and in what is told later', async () => {
  const { send, tell, seen } = await stand([provider('a')])
  for (const outcome of [accepted, fault]) await send('a', 'p@gmail.com', outcome)
  assert.deepEqual(seen, { mails: 1 }, 'what is the fault of the provider says nothing of its mail')
  await send('a', 'p@outlook.com', refusedByHost)
  assert.deepEqual(seen, { mails: 2, deferred: 1 })
  const id = (await send('a', 'p@gmail.com', accepted))!
  for (const type of ['deferred', 'deferred', 'delivered', 'complained'] as const) tell('a', id, 'p@gmail.com', type)
  assert.deepEqual(seen, { mails: 3, deferred: 2, complained: 1 })
  const blocked = (await send('a', 'p@gmail.com', accepted))!
  tell('a', blocked, 'p@gmail.com', 'bounced', 'block')
  const gone = (await send('a', 'p@gmail.com', accepted))!
  tell('a', gone, 'p@gmail.com', 'bounced', 'hard')
  assert.deepEqual(seen, { mails: 5, deferred: 3, complained: 1 })
})
