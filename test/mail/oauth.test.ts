import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Fetch, NotSent } from '../../src/mail/adapter.ts'
import { type TokenDesk, withoutToken, withToken } from '../../src/mail/oauth.ts'

const desk: TokenDesk = {
  url: 'https://login.example.com/token',
  clientId: 'us',
  clientSecret: 'the-secret',
  as: 'form',
  scope: 'api',
}

/** Gives `t1`, `t2`, … or what it is told to. */
function tokens(...answers: (Response | Error)[]) {
  const asked: { url: string; body: string }[] = []
  const fetch: Fetch = async (input, init) => {
    asked.push({ url: String(input), body: String(init?.body) })
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer ?? Response.json({ access_token: `t${asked.length}`, token_type: 'Bearer', expires_in: 3600 })
  }
  return { asked, fetch }
}

const used: string[] = []
const sends =
  (status = 200) =>
  async (token: string) => {
    used.push(token)
    return new Response(null, { status })
  }

async function refusal(answer: Response | Error) {
  let sent = false
  const made = withToken({}, desk, tokens(answer).fetch, async () => {
    sent = true
    return new Response()
  })
  const error = await made.then(
    () => assert.fail('it was sent'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof NotSent)
  assert.equal(sent, false)
  return error.outcome
}

test('a token is asked for as RFC 6749 says, and used until shortly before it ends', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] })
  const options = {}
  const { asked, fetch } = tokens()
  used.length = 0
  await withToken(options, desk, fetch, sends())
  assert.deepEqual(asked, [
    {
      url: desk.url,
      body: 'grant_type=client_credentials&client_id=us&client_secret=the-secret&scope=api',
    },
  ])
  t.mock.timers.tick(3_539_000)
  await withToken(options, desk, fetch, sends())
  t.mock.timers.tick(2_000)
  await withToken(options, desk, fetch, sends())
  // Other options are another provider.
  await withToken({}, desk, fetch, sends())
  assert.deepEqual(used, ['t1', 't1', 't2', 't3'])
})

test('a token that lasts a minute is used for half of it, one that does not say for a while', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] })
  const options = {}
  const { fetch } = tokens(
    Response.json({ access_token: 'short', expires_in: 60 }),
    Response.json({ access_token: 'unsaid' }),
  )
  used.length = 0
  await withToken(options, { ...desk, as: 'json' }, fetch, sends())
  t.mock.timers.tick(29_000)
  await withToken(options, desk, fetch, sends())
  t.mock.timers.tick(2_000)
  await withToken(options, desk, fetch, sends())
  t.mock.timers.tick(239_000)
  await withToken(options, desk, fetch, sends())
  assert.deepEqual(used, ['short', 'short', 'unsaid', 'unsaid'])
})

test('many that send at once ask for one token', async () => {
  const options = {}
  const { asked, fetch } = tokens()
  await Promise.all(Array.from({ length: 20 }, () => withToken(options, desk, fetch, sends())))
  assert.equal(asked.length, 1)
})

test('a token that was answered 401 is used no more', async () => {
  const options = {}
  const { fetch } = tokens()
  used.length = 0
  assert.equal((await withToken(options, desk, fetch, sends(401))).status, 401)
  assert.equal((await withToken(options, desk, fetch, sends(500))).status, 500)
  await withToken(options, desk, fetch, sends())
  assert.deepEqual(used, ['t1', 't2', 't2'])
})

test('credentials that are refused are the account’s fault', async () => {
  for (const status of [400, 401, 403]) {
    const answer = Response.json({ error: 'invalid_client', error_description: 'Not the-secret' }, { status })
    const outcome = await refusal(answer)
    assert.deepEqual([outcome.kind, outcome.cause], ['rejected', 'account'])
    assert.match(outcome.diagnostic.reason, /invalid_client/)
    assert.doesNotMatch(outcome.diagnostic.reason, /the-secret/)
  }
  const moved = await refusal(new Response('<html>', { status: 302 }))
  assert.deepEqual([moved.kind, moved.cause], ['rejected', 'account'])
})

test('no token for any other reason is the provider’s fault, and never unknown', async () => {
  const answers = [
    new TypeError('no answer came'),
    new Response('<html>', { status: 500 }),
    Response.json({ error: 'oops' }, { status: 500 }),
    new Response('<html>', { status: 502 }),
    new Response('<html>Welcome', { status: 200 }),
    Response.json({ token_type: 'Bearer' }),
    Response.json({ access_token: 'two\nlines' }),
    new Response('<html>', { status: 400 }),
  ]
  for (const answer of answers) {
    const outcome = await refusal(answer)
    assert.deepEqual([outcome.kind, outcome.cause], ['deferred', 'provider'])
  }
  const busy = await refusal(new Response('', { status: 429, headers: { 'retry-after': '7' } }))
  assert.deepEqual([busy.kind, busy.kind === 'deferred' && busy.retryAfter], ['deferred', 7000])
})

test('after a refusal the next call asks again', async () => {
  const options = {}
  const { asked, fetch } = tokens(new Response('', { status: 503 }))
  await assert.rejects(withToken(options, desk, fetch, sends()), NotSent)
  await withToken(options, desk, fetch, sends())
  assert.equal(asked.length, 2)
})

test('a token that is said back is not shown, not even one that is used no more', async () => {
  const options = {}
  const said = { status: 401, headers: {}, body: 'you said Bearer t1' }
  assert.equal(withoutToken(said, options), said)
  await withToken(options, desk, tokens().fetch, sends(401))
  assert.equal(withoutToken(said, options).body, 'you said Bearer [token]')
})
