import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inMemory, plain, plan } from './in-memory.ts'

const at = '2026-11-25T12:00:00.000Z'

async function sent(gateway: ReturnType<typeof inMemory>, change: object = {}): Promise<string> {
  const response = await gateway.ask('/v1/messages', { json: { ...plain, ...change } })
  return ((await response.json()) as { id: string }).id
}

async function json(response: Response, status = 200): Promise<never> {
  assert.equal(response.status, status)
  return (await response.json()) as never
}

describe('GET /v1/messages/{id}', () => {
  it('shows recipients, their attempts, and events as a story', async () => {
    const gateway = inMemory()
    const id = await sent(gateway, { to: ['bob@example.net', 'cy@example.net'], tags: ['a'] })
    gateway.attempt(id, { recipient: 1, outcome: 'deferred', cause: 'provider', code: '503', reason: 'busy' })
    gateway.attempt(id, { recipient: 1, outcome: null, latencyMs: null })
    gateway.event(id, 'deferred')
    const body = (await json(await gateway.ask(`/v1/messages/${id}`))) as Record<string, unknown> & {
      events: { type: string; at: string }[]
    }
    assert.deepEqual(
      { ...body, events: body.events.map((event) => [event.type, event.at]) },
      {
        id,
        status: 'queued',
        type: 'transactional',
        from: { email: 'ann@example.com', name: 'Ann' },
        subject: 'Hello',
        acceptedAt: at,
        sendAt: null,
        expireAt: '2026-11-26T12:00:00.000Z',
        via: 'http',
        size: 100,
        tags: ['a'],
        metadata: {},
        messageIdHeader: `<${id}@example.com>`,
        recipients: [
          { email: 'bob@example.net', status: 'queued', provider: null, providerMessageId: null, attempts: [] },
          {
            email: 'cy@example.net',
            status: 'queued',
            provider: null,
            providerMessageId: null,
            attempts: [
              {
                at,
                provider: 'inbox',
                outcome: 'deferred',
                cause: 'provider',
                code: '503',
                reason: 'busy',
                latencyMs: 5,
              },
              { at, provider: 'inbox', outcome: null, cause: null, code: null, reason: null, latencyMs: null },
            ],
          },
        ],
        events: [
          ['accepted', at],
          ['deferred', at],
        ],
      },
    )
  })

  it('answers 404 to what is no id of a message', async () => {
    const { ask } = inMemory()
    for (const id of [
      'msg_x',
      `evt_${'0'.repeat(26)}`,
      `msg_${'0'.repeat(26)}`,
      '%00',
      '..%2f..%2fetc',
      '%ZZ%00',
      "'--",
    ]) {
      await json(await ask(`/v1/messages/${id}`), 404)
    }
  })

  it('answers HEAD as GET, without a body', async () => {
    const gateway = inMemory()
    const response = await gateway.ask(`/v1/messages/${await sent(gateway)}`, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '')
  })
})

describe('GET /v1/messages', () => {
  it('lists newest first, in pages', async () => {
    const gateway = inMemory()
    const ids = [await sent(gateway), await sent(gateway), await sent(gateway)].reverse()
    type Page = { messages: { id: string; recipients: object[] }[]; next: string | null }
    const first = (await json(await gateway.ask('/v1/messages?limit=2'))) as Page
    assert.deepEqual(
      first.messages.map((message) => message.id),
      ids.slice(0, 2),
    )
    assert.deepEqual(first.messages[0]?.recipients, [
      { email: 'bob@example.net', status: 'queued', provider: null, providerMessageId: null },
    ])
    const second = (await json(await gateway.ask(`/v1/messages?limit=2&cursor=${first.next}`))) as Page
    assert.deepEqual([second.messages.map((message) => message.id), second.next], [ids.slice(2), null])
  })

  it('filters', async () => {
    const gateway = inMemory()
    const tagged = await sent(gateway, { tags: ['spring'] })
    await sent(gateway, { to: 'cy@example.net' })
    const ids = async (query: string) => {
      const body = (await json(await gateway.ask(`/v1/messages?${query}`))) as { messages: { id: string }[] }
      return body.messages.map((message) => message.id)
    }
    assert.deepEqual(await ids('tag=spring'), [tagged])
    assert.deepEqual(await ids('recipient=bob@EXAMPLE.net&status=queued&type=transactional'), [tagged])
    assert.deepEqual(await ids('status=sent'), [])
    assert.deepEqual(await ids('since=2026-11-25T12:00:01Z'), [])
    assert.equal((await ids('since=2026-11-25T13:00:00%2B01:00&until=2027-01-01T00:00:00Z')).length, 2)
  })

  it('refuses what it does not understand, by name', async () => {
    const { ask } = inMemory()
    for (const [query, pointer] of [
      ['limit=0', '/limit'],
      ['limit=-1', '/limit'],
      ['limit=201', '/limit'],
      ['limit=1e9', '/limit'],
      ['limit=0x10', '/limit'],
      ['limit=1&limit=2', '/limit'],
      ['since=9999-99-99', '/since'],
      ['until=yesterday', '/until'],
      ['status=lost', '/status'],
      ["recipient=%25' OR 1=1--", '/recipient'],
      ['tenant=bolt', '/tenant'],
      ['a[b][c]=1', '/a[b][c]'],
      ['__proto__=1', '/__proto__'],
    ]) {
      const body = (await json(await ask(`/v1/messages?${query}`), 422)) as { errors: { pointer: string }[] }
      assert.equal(body.errors[0]?.pointer, pointer, query)
    }
    const many = Array.from({ length: 10_000 }, (_, index) => `p${index}=1`).join('&')
    const body = (await json(await ask(`/v1/messages?${many}`), 422)) as { errors: object[] }
    assert.equal(body.errors.length, 50)
  })

  it('refuses a cursor that is not ours', async () => {
    const gateway = inMemory()
    const id = await sent(gateway)
    for (const path of ['/v1/messages', '/v1/events', `/v1/messages/${id}/events`]) {
      for (const cursor of ['x', 'eyJhIjoxfQ==', "' OR 1=1--"]) {
        const body = (await json(await gateway.ask(`${path}?cursor=${encodeURIComponent(cursor)}`), 400)) as object
        assert.equal((body as { code: string }).code, 'malformed')
      }
    }
  })
})

describe('events', () => {
  it('are listed newest first, of all messages or of one', async () => {
    const gateway = inMemory()
    const id = await sent(gateway)
    gateway.event(id, 'sent')
    await sent(gateway)
    const types = async (path: string) => {
      const body = (await json(await gateway.ask(path))) as { events: { type: string }[]; next: string | null }
      return [...body.events.map((event) => event.type), body.next]
    }
    assert.deepEqual(await types('/v1/events'), ['accepted', 'sent', 'accepted', null])
    assert.deepEqual(await types(`/v1/messages/${id}/events`), ['sent', 'accepted', null])
    assert.deepEqual(await types(`/v1/messages/${id}/events?limit=1`), ['sent', 'at-1'])
    const { events } = (await json(await gateway.ask('/v1/events?limit=1'))) as { events: object[] }
    assert.deepEqual(Object.keys(events[0]!).sort(), [
      'at',
      'detail',
      'id',
      'messageId',
      'provider',
      'providerMessageId',
      'recipient',
      'type',
    ])
  })
})

describe('GET /v1/messages/{id}/explain', () => {
  it('tells the plans as they were', async () => {
    const gateway = inMemory()
    const id = await sent(gateway, { to: ['bob@example.net', 'cy@example.net', 'dee@example.net'] })
    const before = (await json(await gateway.ask(`/v1/messages/${id}/explain`))) as object
    assert.deepEqual(before, { route: null, policy: null, candidates: [], rejected: [], attempts: [] })

    const other = { ...plan, route: 'codes' }
    for (const recipient of [0, 1]) gateway.attempt(id, { id: 'att_1', recipient })
    gateway.attempt(id, { id: 'att_2', recipient: 1, plan: other, provider: 'ses' })
    assert.deepEqual(await json(await gateway.ask(`/v1/messages/${id}/explain`)), {
      ...other,
      plans: [
        { recipients: ['cy@example.net'], ...other },
        { recipients: ['bob@example.net'], ...plan },
      ],
      attempts: [
        { id: 'att_1', at, provider: 'inbox', recipients: ['bob@example.net', 'cy@example.net'], ...plan },
        { id: 'att_2', at, provider: 'ses', recipients: ['cy@example.net'], ...other },
      ],
    })
  })
})

describe('GET /v1/messages/{id}/raw', () => {
  it('composes what came as JSON', async () => {
    const gateway = inMemory()
    const id = await sent(gateway, { bcc: 'eve@example.net' })
    const response = await gateway.ask(`/v1/messages/${id}/raw`)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'message/rfc822')
    assert.equal(response.headers.get('content-disposition'), `attachment; filename="${id}.eml"`)
    const text = await response.text()
    assert.match(text, /^Subject: Hello\r$/m)
    assert.match(text, /\r\n\r\nHi Bob/)
    assert.ok(!text.includes('eve@'))
  })

  it('says when the content is gone', async () => {
    const gateway = inMemory()
    const id = await sent(gateway)
    gateway.contents.delete(id)
    const body = (await json(await gateway.ask(`/v1/messages/${id}/raw`), 404)) as { detail: string }
    assert.match(body.detail, /deleted/)
  })
})

describe('steering', () => {
  it('changes what still waits, wakes the queue, and answers the message', async () => {
    const gateway = inMemory()
    const id = await sent(gateway)
    for (const what of ['cancel', 'retry', 'release']) {
      const body = (await json(await gateway.ask(`/v1/messages/${id}/${what}`, { method: 'POST' }))) as { id: string }
      assert.equal(body.id, id)
    }
    assert.equal(gateway.woken.length, 3)
    gateway.state.steered = 0
    const late = (await json(await gateway.ask(`/v1/messages/${id}/cancel`, { method: 'POST' }), 409)) as {
      code: string
    }
    assert.equal(late.code, 'too_late')
    assert.equal(gateway.woken.length, 3)
  })
})

describe('providers', () => {
  it('are listed, drained and resumed', async () => {
    const { ask } = inMemory()
    type Provider = { name: string; state: string; openUntil: string }
    const { providers } = (await json(await ask('/v1/providers'))) as { providers: Provider[] }
    assert.deepEqual([providers[0]?.name, providers[0]?.openUntil], ['inbox', '2026-11-25T12:00:01.000Z'])
    const state = async (what: string) => {
      const provider = (await json(await ask(`/v1/providers/inbox/${what}`, { method: 'POST' }))) as Provider
      return provider.state
    }
    assert.deepEqual([await state('drain'), await state('resume')], ['draining', 'ready'])
    for (const name of ['nobody', '__proto__', '%2e%2e%2fx']) {
      await json(await ask(`/v1/providers/${name}/drain`, { method: 'POST' }), 404)
    }
  })
})
