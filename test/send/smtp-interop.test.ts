/** The carrier against a proper server, `smtp-server`, so that our fake and our client do not only understand each other. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import { SMTPServer } from 'smtp-server'
import type { SmtpRelay } from '../../src/mail/adapter.ts'
import { smtpCarrier } from '../../src/send/smtp.ts'
import { authority, certificate } from '../support/certificates.ts'
import { letter, rawHandoff } from '../support/handoff.ts'

describe('a relay with STARTTLS and AUTH', () => {
  const arrived: { user: unknown; to: string[]; raw: Buffer; secure: boolean }[] = []
  const server = new SMTPServer({
    ...certificate,
    hideSMTPUTF8: false,
    onAuth: (auth, _session, done) => done(auth.password === 'right' ? null : new Error('no'), { user: auth.username }),
    onRcptTo: ({ address }, _session, done) =>
      done(address.startsWith('nobody') ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null),
    onData: (stream, session, done) => {
      const pieces: Buffer[] = []
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address)
        arrived.push({ user: session.user, to, raw: Buffer.concat(pieces), secure: session.secure })
        done(null, 'Ok: queued as 42ABCDEF')
      })
    },
  })
  let relay: SmtpRelay
  const carrier = smtpCarrier()

  before(async () => {
    setDefaultCACertificates([authority])
    server.on('error', () => undefined)
    server.listen(0, '127.0.0.1')
    await once(server.server, 'listening')
    const { port } = server.server.address() as AddressInfo
    relay = { host: '127.0.0.1', port, tls: 'required', verify: true, user: 'ann', pass: 'right', connections: 2 }
  })
  after(async () => {
    await carrier.close()
    await new Promise<void>((resolve) => server.close(resolve))
  })

  test('takes mail of every size, one recipient refused', async () => {
    for (const raw of [letter, letter + '..dots\r\n.\r\n'.repeat(150_000)]) {
      const outcomes = await carrier.deliver(rawHandoff({ raw, to: ['bob@example.net', 'nobody@example.net'] }), relay)
      assert.deepEqual(outcomes.get('bob@example.net'), { kind: 'accepted', providerMessageId: '42ABCDEF' })
      const refused = outcomes.get('nobody@example.net')!
      assert.ok(refused.kind === 'rejected' && refused.cause === 'recipient')
      const mail = arrived.at(-1)!
      assert.deepEqual([mail.user, mail.to, mail.secure], ['ann', ['bob@example.net'], true])
      assert.ok(mail.raw.equals(Buffer.from(raw)))
    }
  })

  test('refuses a wrong password: the account’s fault', async () => {
    const outcomes = await carrier.deliver(rawHandoff(), { ...relay, pass: 'wrong' })
    const outcome = outcomes.get('bob@example.net')!
    assert.ok(outcome.kind === 'rejected' && outcome.cause === 'account')
  })
})
