import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gateway, now, plan } from './gateway.ts'

const own = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } }

describe('the list of messages', () => {
  test('goes on page by page, with what was asked for kept', async () => {
    const { app, add, asked } = gateway()
    for (let one = 0; one < 120; one++) add({ subject: `Number ${one}`, acceptedAt: now - one * 1000 })
    const seen = new Set<string>()
    let path: string | undefined = '/messages?status=sent'
    let pages = 0
    while (path) {
      const text: string = await (await app.request(path)).text()
      for (const [, id] of text.matchAll(/href="\/messages\/(msg_\w+)"/g)) seen.add(id!)
      assert.equal(/id="live"/.test(text), pages === 0)
      path = text.match(/href="([^"]*)" rel="next"/)?.[1]?.replaceAll('&amp;', '&')
      pages += 1
    }
    assert.deepEqual([pages, seen.size], [3, 120])
    assert.deepEqual(
      asked.queries.map(({ status }) => status),
      ['sent', 'sent', 'sent'],
    )
  })

  test('answers a cursor that is not ours with a page, not with a fault', async () => {
    const answer = await gateway().app.request('/messages?cursor=nonsense')
    assert.equal(answer.status, 400)
    assert.match(await answer.text(), /start at the newest/)
  })

  test('finds by status, recipient and provider, and says when there is none', async () => {
    const { app, add } = gateway()
    add({ subject: 'Held one', recipients: [{ email: 'held@example.net', status: 'held', provider: null }] })
    add({ subject: 'Sent one' })
    const list = async (query: string) => (await app.request(`/messages?${query}`)).text()
    assert.match(await list('status=held'), /Held one/)
    assert.doesNotMatch(await list('status=held'), /Sent one/)
    assert.match(await list('recipient=held@example.net'), /Held one/)
    assert.match(await list('provider=inbox'), /Sent one/)
    assert.match(await list('recipient=nobody@example.net'), /No message is like that/)
    assert.match(await list('recipient=%3Cscript%3E'), /That is no address[^<]*/)
    assert.match(await list('status=%22%3E%3Cscript%3E'), /Sent one/) // no status of ours: not asked for
  })
})

describe('one message', () => {
  const story = () => {
    const gate = gateway()
    const id = gate.add({
      ...{ subject: 'Story', tags: ['november'], metadata: { order: '17' } },
      recipients: [
        { status: 'sent', provider: 'second', providerMessageId: 'pm-1' },
        { email: 'gone@example.org', status: 'bounced' },
        { email: 'parked@example.org', status: 'held' },
      ],
      attempts: [
        {
          at: now - 9000,
          provider: 'first',
          outcome: 'deferred',
          cause: 'provider',
          code: '503',
          reason: 'Try <later>',
          latencyMs: 2810,
        },
        {
          ...{ at: now - 8000, provider: 'second', outcome: null, latencyMs: null },
          plan: {
            ...plan,
            route: 'fallback',
            candidates: [{ provider: 'second', score: 1, reasons: ['cheapest'] }],
            rejected: [{ provider: 'first', reason: 'its breaker is open' }],
          },
        },
      ],
      events: [
        { type: 'accepted', at: now - 10_000 },
        { type: 'failover', at: now - 8500, detail: 'first answered 503' },
      ],
    })
    return { ...gate, id }
  }

  test('is told whole: recipients, attempts, why, events', async () => {
    const { app, id } = story()
    const text = await (await app.request(`/messages/${id}`)).text()
    for (const shown of [
      'pm-1',
      'gone@example.org',
      'november',
      'order',
      '503',
      'Try &lt;later&gt;',
      '2.8 s',
      'under way',
      'fallback',
      'cheapest',
      'its breaker is open',
      'first answered 503',
    ])
      assert.ok(text.includes(shown), shown)
    assert.ok(text.indexOf('fallback') < text.indexOf('another plan')) // the latest plan first
    assert.ok(text.indexOf('>accepted<') < text.indexOf('>failover<')) // events in the order in which they happened
  })

  test('offers what can still be done, and does it', async () => {
    const { app, id, asked } = story()
    assert.match(await (await app.request(`/messages/${id}`)).text(), /Try again now[\s\S]*Release[\s\S]*Cancel/)
    for (const what of ['retry', 'release', 'cancel']) {
      const answer = await app.request(`/messages/${id}/${what}`, own)
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, `/messages/${id}?done=${what}&changed=3`])
    }
    assert.equal(asked.woken, 2) // nothing is due after a cancel
    assert.match(await (await app.request(`/messages/${id}?done=cancel&changed=3`)).text(), /3 recipients canceled/)
    assert.match(await (await app.request(`/messages/${id}?done=retry&changed=0`)).text(), /Nothing changed/)
    assert.doesNotMatch(await (await app.request(`/messages/${id}?done=%3Cb%3E&changed=1`)).text(), /role="status"/)
    assert.equal((await app.request(`/messages/${id}/delete`, own)).status, 404)
  })

  test('that is over offers nothing, and one that is not here is said so', async () => {
    const { app, add } = gateway()
    assert.doesNotMatch(await (await app.request(`/messages/${add()}`)).text(), /<form method="post"/)
    assert.equal((await app.request('/messages/msg_0')).status, 404)
    assert.equal((await app.request('/messages/msg_0/retry', own)).status, 404)
  })
})
