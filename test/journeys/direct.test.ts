/** Straight to the recipients' MX, found in the test's own DNS: the preferred one is dead, the other takes it, signed. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeDns } from '../support/fake-dns.ts'
import { fakeMx } from '../support/fake-mx.ts'
import { newFolder, remove, waypost } from '../support/waypost.ts'

test('one MX dead, the next delivers; a domain without mail bounces; the bounce is suppressed', async () => {
  const alive = await fakeMx({ host: '127.0.0.2' })
  const dns = await fakeDns({
    'example.org': {
      MX: [
        [10, 'dead.example.org'],
        [20, 'alive.example.org'],
      ],
    },
    'dead.example.org': { A: ['127.0.0.3'] },
    'alive.example.org': { A: ['127.0.0.2'] },
    'nomail.example': { MX: [[0, '.']] },
  })
  const folder = newFolder()
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  writeFileSync(join(folder, 'dkim.pem'), privateKey)
  const gateway = await waypost(
    `
providers:
  own-mta:
    adapter: direct
    hostname: mail.example.com
    port: ${alive.port}
    resolver: ["${dns.server}"]
    allowPrivate: true
    dkim: { domain: example.com, selector: wp1, privateKeyFile: "${join(folder, 'dkim.pem')}" }
routes:
  - { name: default, use: own-mta }
`,
    folder,
  )
  try {
    const id = await gateway.send({
      from: 'ann@example.com',
      to: ['bob@example.org', 'carl@example.org', 'eve@nomail.example', 'dan@nowhere.example'],
      subject: 'Direct',
      text: 'Hi.',
    })
    const message = await gateway.until(id, 'delivered', 'bounced')
    assert.deepEqual(
      message.recipients.map(({ email, status }: { email: string; status: string }) => [email, status]),
      [
        ['bob@example.org', 'delivered'],
        ['carl@example.org', 'delivered'],
        ['eve@nomail.example', 'bounced'],
        ['dan@nowhere.example', 'bounced'],
      ],
    )
    assert.equal(alive.received.length, 1)
    assert.deepEqual(alive.received[0]!.to, ['bob@example.org', 'carl@example.org'])
    assert.match(alive.received[0]!.raw.toString(), /^DKIM-Signature: v=1; a=rsa-sha256;[\s\S]*d=example\.com/)
  } finally {
    await gateway.stop()
    await Promise.all([alive.close(), dns.close()])
    remove(folder)
  }
})
