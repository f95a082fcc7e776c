import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gateway, waypost } from './running.ts'

const provider = {
  name: 'relay',
  adapter: 'smtp',
  state: 'ready',
  openUntil: null,
  reason: null,
  labels: [],
  costPerThousand: 0.5,
  month: { spent: 16.2, forecast: 48.604, freeLeft: 2700 },
  sentToday: 12,
  perDay: 200,
  perSecond: null,
  success: 0.9876,
  latencyMs: 41.6,
  inFlight: 0,
  hook: { path: '/hooks/relay', secretInAddress: false, missing: [] as string[], setup: 'Settings' },
}
const broken = {
  ...provider,
  name: 'other',
  state: 'open',
  openUntil: '2026-11-25T10:00:00.000Z',
  reason: 'said \u001b[2Jno',
  perDay: null,
  success: null,
  latencyMs: null,
  month: null,
  hook: { ...provider.hook, missing: ['webhookSecret'] },
}
const providers = { providers: [provider, broken] }

describe('waypost providers', () => {
  it('shows them, aligned by tabs for machines', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: providers }))
    const { code, out } = await waypost(['providers', '--url', url])
    assert.equal(code, 0)
    assert.equal(asked[0]?.path, '/v1/providers')
    assert.deepEqual(
      out.split('\n').map((line) => line.split('\t')),
      [
        [
          'NAME',
          'ADAPTER',
          'STATE',
          'SUCCESS',
          'LATENCY',
          'TODAY',
          'COST',
          'SPENT',
          'FORECAST',
          'FREE',
          'EVENTS IN',
          'NOTE',
        ],
        ['relay', 'smtp', 'ready', '98.8%', '42ms', '12/200', '0.5', '16.20', '48.60', '2700', '/hooks/relay', '-'],
        [
          'other',
          'smtp',
          'open',
          '-',
          '-',
          '12',
          '0.5',
          '-',
          '-',
          '-',
          'set webhookSecret',
          'until 2026-11-25T10:00:00.000Z: said \ufffd[2Jno',
        ],
      ],
    )
    assert.equal((await waypost(['providers', 'list', '--url', url])).out, out)
  })

  it('shows a table with colour to a person', async (test) => {
    const { url } = await gateway(test, () => ({ body: providers }))
    const { out } = await waypost(['providers', '--url', url], { tty: true, colour: true })
    const [headings, first, second] = out.split('\n')
    assert.match(headings ?? '', /^\u001b\[1mNAME /)
    assert.match(first ?? '', /^relay {2}smtp {5}\u001b\[32mready\u001b\[39m/)
    assert.match(second ?? '', /\u001b\[31mopen \u001b\[39m.*said \ufffd\[2Jno$/)
    const { out: bare } = await waypost(['providers', '--url', url], { tty: true })
    assert.ok(!bare.includes('\u001b'))
    assert.match(bare, /^NAME {3}ADAPTER {2}STATE {2}SUCCESS/)
  })

  it('gives the answer itself as JSON that a terminal does not obey', async (test) => {
    const hostile = { providers: [{ ...provider, reason: '\u009b2J\u202e\u007f' }] }
    const { url } = await gateway(test, () => ({ body: hostile }))
    const { out } = await waypost(['providers', '--json', '--url', url])
    assert.ok(/^[\n\u0020-\u007e]*$/.test(out))
    assert.deepEqual(JSON.parse(out), hostile)
  })

  it('shows one: what comes back, and the hosts that defer what it sends', async (test) => {
    const host = { state: 'shut', until: '2026-11-25T10:02:00.000Z', bad: 14, of: 20, success: 0.25, repeats: 2 }
    const back = {
      ...{ ...provider, state: 'returning', reason: '500 no', share: 0.25, repeats: 3 },
      hosts: [{ host: 'out\u001b[2Jlook', ...host }],
      limits: [
        { host: null, per: 'day', used: 12, limit: 200 },
        { host: 'gmail', per: 'hour', used: 3, limit: 10 },
      ],
      warmup: [{ host: 'gmail', day: 2, used: 120, limit: 280, paused: true }],
    }
    const { url } = await gateway(test, () => ({ body: { providers: [back, broken] } }))
    const { code, out } = await waypost(['providers', 'show', 'relay', '--url', url])
    assert.equal(code, 0)
    const lines = out.split('\n')
    assert.match(
      lines[1]!,
      /\t25% of mail is back: 500 no; sick at out\ufffd\[2Jlook: 14 of 20 deferred or blocked; warming up$/,
    )
    assert.deepEqual(lines.slice(2), [
      'Its breaker opened again soon after it had closed, 3 times in a row.',
      'HOST\tSTATE\tUNTIL\tBAD\tSUCCESS\tREPEATS',
      'out\ufffd[2Jlook\tshut\t2026-11-25T10:02:00.000Z\t14 of 20\t25.0%\t2',
      'LIMIT\tAT HOST\tUSED',
      'a day\t-\t12/200',
      'an hour\tgmail\t3/10',
      'WARM-UP AT\tSENDING DAY\tTODAY\tNOTE',
      'gmail\t2\t120/280\tpaused: bad signs',
    ])
    const { code: none, err } = await waypost(['providers', 'show', 'nobody', '--url', url])
    assert.deepEqual([none, /no provider nobody/.test(err)], [1, true])
  })

  it('shows whose it is, and which From domains it may send for', async (test) => {
    const at = '2026-11-25T10:02:00.000Z'
    const identity = [
      { domain: 'example.com', state: 'ready', reason: '', at },
      { domain: 'example.net', state: 'not ready', reason: 'no key at s1\u001b[2J', at },
    ]
    const bound = { ...provider, tenants: ['acme'], domains: ['*.example.com'], identity }
    const { url } = await gateway(test, () => ({ body: { providers: [bound] } }))
    const { out } = await waypost(['providers', 'show', 'relay', '--url', url])
    const lines = out.split('\n')
    assert.match(lines[1]!, /\tnot ready for mail from example\.net$/)
    assert.deepEqual(lines.slice(2), [
      'Only for mail of tenant acme.',
      'Only for mail from *.example.com.',
      'FROM\tSTATE\tSINCE\tWHY',
      `example.com\tready\t${at}\t-`,
      `example.net\tnot ready\t${at}\tno key at s1\ufffd[2J`,
    ])
  })

  it('drains and resumes', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: provider }))
    assert.equal((await waypost(['providers', 'drain', 'a/b', '--url', url])).out, 'a/b takes nothing new now.')
    assert.equal((await waypost(['providers', 'resume', 'relay', '--url', url])).out, 'relay is in use again.')
    assert.deepEqual(
      asked.map(({ method, path }) => `${method} ${path}`),
      ['POST /v1/providers/a%2Fb/drain', 'POST /v1/providers/relay/resume'],
    )
  })
})

const message = {
  id: 'msg_1',
  status: 'partial',
  type: 'otp',
  from: { email: 'ann@example.com', name: 'Ann' },
  subject: 'Hi\n\u001b[31mthere',
  acceptedAt: '2026-11-25T10:00:00.000Z',
  expireAt: '2026-11-25T10:10:00.000Z',
  tags: ['a', 'b'],
  recipients: [
    {
      email: 'b@example.net',
      status: 'sent',
      provider: 'relay',
      providerMessageId: 'x1',
      attempts: [
        {
          at: '2026-11-25T10:00:02.000Z',
          provider: 'relay',
          outcome: 'accepted',
          cause: null,
          code: null,
          reason: null,
          latencyMs: 40,
        },
        {
          at: '2026-11-25T10:00:01.000Z',
          provider: 'other',
          outcome: 'deferred',
          cause: 'provider',
          code: '503',
          reason: 'busy',
          latencyMs: 7,
        },
      ],
    },
    { email: 'c@example.net', status: 'bounced', provider: 'relay', providerMessageId: null, attempts: [] },
    { email: 'd@example.net', status: 'queued', provider: null, providerMessageId: null, attempts: [] },
  ],
  events: [
    {
      at: '2026-11-25T10:00:01.010Z',
      type: 'failover',
      recipient: 'b@example.net',
      provider: 'other',
      detail: 'on to relay: busy',
    },
  ],
}
const explanation = {
  route: 'codes',
  policy: 'abc',
  candidates: [{ provider: 'relay', score: 1, reasons: ['first in the list'] }],
  rejected: [{ provider: 'big', reason: 'takes no attachments' }],
  attempts: [],
}

describe('waypost messages', () => {
  it('lists with filters, and says how to go on', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: { messages: [message], next: 'cur' } }))
    const filters = [
      '--status',
      'held',
      '--recipient',
      'b@example.net',
      '--provider',
      'relay',
      '--type',
      'otp',
      '--tag',
      'a',
    ]
    const paging = ['--since', '2026-11-25T10:00:00Z', '--limit', '5', '--cursor', 'c0']
    const { code, out, err } = await waypost(['messages', 'list', ...filters, ...paging, '--url', url])
    assert.equal(code, 0)
    const query = Object.fromEntries(new URL(asked[0]!.path, url).searchParams)
    assert.deepEqual(query, {
      status: 'held',
      recipient: 'b@example.net',
      provider: 'relay',
      type: 'otp',
      tag: 'a',
      since: '2026-11-25T10:00:00.000Z',
      limit: '5',
      cursor: 'c0',
    })
    assert.deepEqual(out.split('\n')[1]?.split('\t'), [
      'msg_1',
      '2026-11-25T10:00:00.000Z',
      'partial',
      'otp',
      'b@example.net and 2 more',
      'Hi \ufffd[31mthere',
    ])
    assert.equal(err, 'There are more: --cursor cur')
    assert.deepEqual(JSON.parse((await waypost(['messages', '--json', '--url', url])).out), {
      messages: [message],
      next: 'cur',
    })
  })

  it('says to a person that there are none', async (test) => {
    const { url } = await gateway(test, () => ({ body: { messages: [], next: null } }))
    assert.equal((await waypost(['messages', '--url', url], { tty: true })).out, 'None.')
  })

  it('reckons --since back from now', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: { messages: [], next: null } }))
    const before = Date.now()
    await waypost(['messages', '--since', '24h', '--url', url])
    const since = Date.parse(new URL(asked[0]!.path, url).searchParams.get('since')!)
    assert.ok(since >= before - 86_400_000 && since <= Date.now() - 86_400_000)
  })

  it('shows what became of one and why it took that road', async (test) => {
    const { url, asked } = await gateway(test, ({ path }) => ({
      body: path.endsWith('/explain') ? explanation : message,
    }))
    const { code, out } = await waypost(['messages', 'show', 'msg_1', '--url', url])
    assert.equal(code, 0)
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/v1/messages/msg_1', '/v1/messages/msg_1/explain'],
    )
    assert.equal(
      out,
      `Message   msg_1
Status    partial
Type      otp
From      Ann <ann@example.com>
Subject   Hi \ufffd[31mthere
Accepted  2026-11-25T10:00:00.000Z
Expires   2026-11-25T10:10:00.000Z
Tags      a, b

Recipients
RECIPIENT\tSTATUS\tPROVIDER\tPROVIDER'S ID
b@example.net\tsent\trelay\tx1
c@example.net\tbounced\trelay\t-
d@example.net\tqueued\t-\t-

Attempts
AT\tRECIPIENT\tPROVIDER\tOUTCOME\tCAUSE\tCODE\tLATENCY\tREASON
2026-11-25T10:00:01.000Z\tb@example.net\tother\tdeferred\tprovider\t503\t7ms\tbusy
2026-11-25T10:00:02.000Z\tb@example.net\trelay\taccepted\t-\t-\t40ms\t-

Events
AT\tEVENT\tRECIPIENT\tPROVIDER\tDETAIL
2026-11-25T10:00:01.010Z\tfailover\tb@example.net\tother\ton to relay: busy

Why this road
Route codes, policy abc
ORDER\tPROVIDER\tSCORE\tWHY
1\trelay\t1\tfirst in the list
out\tbig\t-\ttakes no attachments`,
    )
    const { out: asJson } = await waypost(['messages', 'show', 'msg_1', '--json', '--url', url])
    assert.deepEqual(JSON.parse(asJson), message)
  })

  it('says so when nothing was tried yet', async (test) => {
    const nothing = { route: null, policy: null, candidates: [], rejected: [], attempts: [] }
    const { url } = await gateway(test, ({ path }) => ({ body: path.endsWith('/explain') ? nothing : message }))
    assert.match(
      (await waypost(['messages', 'show', 'msg_1', '--url', url])).out,
      /Why this road\nNothing was tried yet\.$/,
    )
  })

  it('steers, and fails where the gateway says no', async (test) => {
    const { url, asked } = await gateway(test, ({ path }) =>
      path.endsWith('/cancel')
        ? {
            status: 409,
            body: { title: 'The message is past that', status: 409, detail: 'There is nothing left to cancel.' },
          }
        : { body: message },
    )
    assert.equal((await waypost(['messages', 'retry', 'msg_1', '--url', url])).out, 'msg_1\tpartial')
    assert.equal((await waypost(['messages', 'release', 'msg_1', '--url', url])).code, 0)
    const { code, err } = await waypost(['messages', 'cancel', 'msg_1', '--url', url])
    assert.equal(code, 1)
    assert.equal(err, 'error: There is nothing left to cancel. (409)')
    assert.deepEqual(
      asked.map(({ method, path }) => `${method} ${path}`),
      ['retry', 'release', 'cancel'].map((what) => `POST /v1/messages/msg_1/${what}`),
    )
  })

  for (const args of [
    ['--status', 'gone'],
    ['--since', 'yesterday'],
    ['--limit', '0'],
    ['--limit', '201'],
    ['extra'],
  ]) {
    it(`is used wrongly: ${args.join(' ')}`, async () => {
      assert.equal((await waypost(['messages', 'list', ...args])).code, 2)
    })
  }
})

describe('waypost moves', () => {
  const move = {
    ...{ rule: 'news', from: ['a'], to: ['b', 'c'], state: 'held', share: 0.25, since: '2026-12-05T00:00:00.000Z' },
    ...{ next: null, revertsAt: '2026-12-08T00:00:00.000Z', reason: '2 complaints \u001b[2J' },
    seen: { from: { mails: 900, deferred: 30, complained: 0 }, to: { mails: 300, deferred: 9, complained: 2 } },
  }

  it('shows how far they are, and why they do not go on', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: { moves: [move] } }))
    const { out } = await waypost(['moves', '--url', url])
    assert.equal(asked[0]?.path, '/v1/moves')
    assert.deepEqual(
      out.split('\n').map((line) => line.split('\t')),
      [
        ['RULE', 'FROM', 'TO', 'STATE', 'MOVED', 'SINCE', 'NEXT', 'DEFERRED', 'COMPLAINTS', 'NOTE'],
        [
          ...['news', 'a', 'b, c', 'held', '25%', move.since, '-', '30/900 → 9/300', '0/900 → 2/300'],
          `2 complaints \ufffd[2J; goes back at ${move.revertsAt}`,
        ],
      ],
    )
  })

  it('restarts one that went back', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: { ...move, state: 'moving', share: 0.05 } }))
    const { out } = await waypost(['moves', 'restart', 'news', '--url', url])
    assert.deepEqual([asked[0]?.method, asked[0]?.path], ['POST', '/v1/moves/news/restart'])
    assert.equal(out, 'The move of news is moving, at 5%.')
  })
})

describe('waypost limits', () => {
  it('shows whose each limit is, where it holds and how much of it is used', async (test) => {
    const limits = [
      { of: 'tenant', name: 'acme', host: null, per: 'month', used: 2999, limit: 3000 },
      { of: 'provider', name: 'relay-eu', host: 'gmail', per: 'hour', used: 5, limit: 5 },
    ]
    const { url, asked } = await gateway(test, () => ({ body: { limits } }))
    const { code, out } = await waypost(['limits', '--url', url])
    assert.deepEqual([code, asked[0]!.path], [0, '/v1/limits'])
    assert.deepEqual(
      out.split('\n').map((line) => line.split('\t')),
      [
        ['OF', 'NAME', 'AT HOST', 'PER', 'USED', 'LIMIT', 'SHARE'],
        ['tenant', 'acme', '-', 'month', '2999', '3000', '99.9%'],
        ['provider', 'relay-eu', 'gmail', 'hour', '5', '5', '100.0%'],
      ],
    )
  })
})

describe('waypost budgets and stats', () => {
  it('show what is spent, and what became of mail', async (test) => {
    const until = '2026-12-01T00:00:00.000Z'
    const budget = { name: 'marketing', per: 'month', limit: 500, spent: 410.256, level: 0.8, until }
    const figures = {
      ...{ name: 'gmail', accepted: 9, deferred: 1, rejected: 0, unknown: 0, delivered: 8, bounced: 0, complained: 0 },
      ...{ acceptedShare: 0.9, deliveredShare: null, latencyMs: 42, cost: 0.0125 },
    }
    const { url, asked } = await gateway(test, ({ path }) =>
      path.startsWith('/v1/budgets') ? { body: { budgets: [budget] } } : { body: { since: until, stats: [figures] } },
    )
    const budgets = await waypost(['budgets', '--url', url])
    assert.deepEqual(budgets.out.split('\n')[1]!.split('\t'), [
      'marketing',
      'month',
      '410.26',
      '500.00',
      '82.1%',
      until,
    ])
    const stats = await waypost(['stats', '--url', url, '--by', 'host', '--all', '--since', '2026-11-01T00:00:00Z'])
    assert.equal(stats.code, 0)
    assert.deepEqual(stats.out.split('\n')[1]!.split('\t').slice(-7), ['0', '90.0%', '-', '42ms', '0.01', '-', '-'])
    assert.equal(asked[1]!.path, '/v1/stats?by=host&since=2026-11-01T00%3A00%3A00.000Z&tenants=all')
  })
})
