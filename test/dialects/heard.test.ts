/** What a dialect tells, our own adapter of that vendor hears as what it was: two that were made apart agree on the vendor's words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ahasendAdapter from '../../adapters/ahasend.ts'
import brevoAdapter from '../../adapters/brevo.ts'
import mailjetAdapter from '../../adapters/mailjet.ts'
import mandrillAdapter from '../../adapters/mandrill.ts'
import ahasend from '../../src/dialects/ahasend.ts'
import brevo from '../../src/dialects/brevo.ts'
import mailjet from '../../src/dialects/mailjet.ts'
import mandrill from '../../src/dialects/mandrill.ts'
import type { Dialect } from '../../src/mail/dialect.ts'
import type { EventType } from '../../src/mail/event.ts'
import type { Webhook } from '../../src/mail/webhook.ts'
import { eventOf, sentMessage } from './hook.ts'

/** Each with what is heard otherwise, because the vendor has no such word. */
const vendors: [Dialect, { webhook?: unknown }, Record<string, string>][] = [
  [
    ahasend,
    ahasendAdapter,
    { sent: 'accepted', rejected: 'bounced soft', complained: 'nothing', unsubscribed: 'nothing' },
  ],
  [brevo, brevoAdapter, { sent: 'accepted', 'bounced block': 'bounced soft' }],
  [mailjet, mailjetAdapter, { sent: 'nothing', deferred: 'nothing' }],
  [mandrill, mandrillAdapter, { sent: 'accepted', 'bounced block': 'bounced soft' }],
]

const asks = () => Promise.reject(new Error('nobody is asked'))

const kinds: [EventType, string | null][] = [
  ['sent', null],
  ['deferred', '451 4.7.1 later'],
  ['delivered', '250 2.0.0 taken'],
  ['bounced', 'hard bounce: 550 5.1.1 no such user'],
  ['bounced', 'soft bounce: 552 5.2.2 full'],
  ['bounced', 'block bounce: 550 5.7.1 no'],
  ['rejected', 'not wanted'],
  ['suppressed', 'bounce'],
  ['complained', null],
  ['opened', null],
  ['clicked', 'https://example.com/x'],
  ['unsubscribed', null],
]

for (const [dialect, adapter, otherwise] of vendors) {
  test(`${dialect.name} is heard as it is told`, async () => {
    const hook = adapter.webhook as unknown as Webhook<{ webhookSecret: string }>
    const { secret } = await dialect.tells!.secret({})
    const options = { webhookSecret: secret }
    const seen: Record<string, string> = {}
    for (const [type, detail] of kinds) {
      const event = eventOf(type, detail)
      const url = `https://example.com/hook?secret=${secret}`
      const told = await dialect.tells!.call(event, sentMessage, secret, event.at, url)
      const kind = `${type} ${/^\w+(?= bounce)/.exec(detail ?? '')?.[0] ?? ''}`.trim()
      if (told === null) {
        seen[kind] = 'nothing'
        continue
      }
      const call = {
        method: 'POST' as const,
        url,
        query: new URL(url).searchParams,
        headers: told.headers,
        body: new TextEncoder().encode(told.body),
        at: event.at,
      }
      assert.equal(await hook.verify(call, options, asks), true, kind)
      const [heard, ...more] = hook.read(call, options)
      assert.deepEqual([more, heard?.recipient, heard?.at], [[], event.recipient, event.at], kind)
      seen[kind] = [heard!.type, heard!.bounce].filter(Boolean).join(' ')
    }
    const same = Object.fromEntries(Object.keys(seen).map((kind) => [kind, kind]))
    assert.deepEqual(seen, { ...same, ...otherwise })
  })
}
