/** What is asked of a vendor's SMTP way: that it logs in, over TLS alone, and steers the vendor by its headers. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import type { Adapter } from '../../../src/mail/adapter.ts'
import { smtpCarrier } from '../../../src/send/smtp.ts'
import { message, type SmtpData } from '../../adapters/fixture.ts'
import { authority, certificate } from '../certificates.ts'
import { fakeMx } from '../fake-mx.ts'
import { rawHandoff } from '../handoff.ts'

const raw =
  'From: Sender <sender@example.com>\r\nTo: ann@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n'

/** Adds the tests of one vendor's SMTP way. */
export function smtpChecks(adapter: Adapter, data: SmtpData): void {
  before(() => setDefaultCACertificates([authority]))

  test('hands mail to its server over TLS, logged in, with the vendor’s headers', async (t) => {
    assert.equal(adapter.send.kind, 'smtp')
    const mx = await fakeMx({ tls: certificate })
    const carrier = smtpCarrier()
    t.after(async () => {
      await carrier.close()
      await mx.close()
    })
    const options = adapter.options.parse({ ...data.options, host: '127.0.0.1', port: mx.port })
    const handoff = rawHandoff({ from: 'sender@example.com', to: ['ann@example.com'], raw, message })
    const relay = (adapter.send as Extract<Adapter['send'], { kind: 'smtp' }>).target(options)
    const outcomes = await carrier.deliver(handoff, relay)
    assert.equal(outcomes.get('ann@example.com')?.kind, 'accepted')
    const [got] = mx.received
    assert.ok(got?.secure)
    assert.equal(mx.sessions[0]!.user, data.user)
    const head = got.raw.toString().split('\r\n\r\n')[0]!
    for (const [name, value] of Object.entries(data.headers ?? {})) {
      assert.equal(
        new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, 'im').exec(head)?.[1]?.replace(/\r\n/g, ''),
        value,
        name,
      )
    }
    assert.ok(got.raw.toString().endsWith(raw), 'what came is not what went out')
  })

  test('knows the vendor’s server, and speaks TLS with it from the first byte or by STARTTLS as the port asks', () => {
    const { send } = adapter as { send: Extract<Adapter['send'], { kind: 'smtp' }> }
    const usual = send.target(adapter.options.parse(data.options))
    assert.deepEqual([usual.host, usual.port], data.server)
    assert.equal(usual.tls, [443, 465, 2465, 8465].includes(usual.port) ? 'implicit' : 'required')
    assert.equal(send.target(adapter.options.parse({ ...data.options, port: 465 })).tls, 'implicit')
  })

  test('refuses settings it does not know', () => {
    assert.equal(adapter.options.safeParse({ ...data.options, apikey: 'x' }).success, false)
  })
}
