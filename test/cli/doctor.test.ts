/** `waypost doctor` against a world of its own: real DNS, a relay that wants credentials, a vendor that tells the time. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Finding } from '../../src/doctor/finding.ts'
import { newKey } from '../support/dkim-key.ts'
import { type FakeDns, fakeDns } from '../support/fake-dns.ts'
import { type FakeMx, fakeMx } from '../support/fake-mx.ts'
import { waypost } from './running.ts'

const folder = mkdtempSync(join(tmpdir(), 'waypost-doctor-'))
const { key, record } = newKey('rsa', 'example.com', 'wp1')
let dns: FakeDns
let relay: FakeMx
let clockOff = 0
const vendor = createServer((_request, response) => {
  response.writeHead(404, { date: new Date(Date.now() + clockOff).toUTCString() }).end()
})

before(async () => {
  dns = await fakeDns({
    '.': { A: ['127.0.0.1'] },
    'mail.example.com': { A: ['127.0.0.1'] },
    'example.com': { TXT: ['v=spf1 ip4:127.0.0.1 -all'], MX: [[10, 'mail.example.com']] },
    'wp1._domainkey.example.com': { TXT: [record] },
    '_dmarc.example.com': { TXT: ['v=DMARC1; p=reject'] },
  })
  relay = await fakeMx()
  vendor.listen(0, '127.0.0.1')
  await once(vendor, 'listening')
  writeFileSync(join(folder, 'key.pem'), key.privateKey)
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  vendor.closeAllConnections()
  vendor.close()
  await Promise.all([dns.close(), relay.close()])
})

const vendorUrl = () => `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`

async function examined(providers: string, ...args: string[]) {
  const file = join(folder, 'waypost.yaml')
  const names = [...providers.matchAll(/^ {2}(\S+):/gm)].map(([, name]) => name)
  writeFileSync(
    file,
    `store: "sqlite:${join(folder, 'data', 'waypost.db')}"\nproviders:\n${providers}\nroutes: [{ name: all, use: { first: [${names}] } }]\n`,
  )
  const { code, out, err } = await waypost(['doctor', '--config', file, '--json', ...args])
  assert.ok(out.startsWith('{'), err)
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Finding[] }
  const of = (part: string, about: string) => {
    const found = findings.find((one) => one.part.startsWith(part) && one.about === about)
    return found && `${found.health}: ${found.detail}`
  }
  return { code, ok, findings, of, file }
}

const own = () => `  own:
    adapter: direct
    hostname: mail.example.com
    dkim: { domain: example.com, selector: wp1, privateKeyFile: ${join(folder, 'key.pem')} }
    port: ${relay.port}
    resolver: ["${dns.server}"]
    allowPrivate: true`

test('all is well where everything is as the config needs it', async () => {
  const { code, ok, of, findings } = await examined(
    `${own()}\n  vendor: { adapter: postmark, serverToken: a-token, baseUrl: "${vendorUrl()}" }\n  inbox: { adapter: inbox }`,
  )
  assert.deepEqual([code, ok], [0, true], JSON.stringify(findings, null, 1))
  assert.match(of('this machine', 'store')!, /^well: .* can be written/)
  assert.match(of('this machine', 'clock')!, /^well/)
  assert.match(of('provider own', 'reached')!, /^well: port \d+ is open: mail\.example\.com answers/)
  assert.equal(of('provider own (direct) for', 'dkim'), undefined)
  assert.equal(of('provider own for example.com', 'dkim'), 'well: wp1._domainkey.example.com holds the key')
  assert.match(of('provider own for example.com', 'spf')!, /^well: .* lets mail\.example\.com \(127\.0\.0\.1\) send/)
  assert.match(of('provider own for example.com', 'dmarc')!, /^well: mail meets the DMARC policy/)
  assert.match(of('provider vendor', 'reached')!, /^well: 127\.0\.0\.1:\d+ answers/)
  assert.match(of('example.com', 'spf')!, /^well: the SPF record of example\.com is in order/)
  assert.equal(of('example.com', 'dmarc'), 'well: the DMARC policy of example.com (reject) is published')
  assert.equal(relay.received.length, 0, 'nothing was sent')
})

test('what is ill is said, with what mends it, and the exit code is 1', async () => {
  const { key: another } = newKey('rsa', 'example.com', 'wp1')
  writeFileSync(join(folder, 'key.pem'), another.privateKey)
  clockOff = -180_000
  try {
    const { code, ok, of, findings, file } = await examined(
      `${own()}\n  vendor: { adapter: postmark, serverToken: a-token, baseUrl: "${vendorUrl()}" }\n  gone: { adapter: smtp, host: 127.0.0.1, port: 1, tls: none }`,
      '--from',
      'ann@Other.example',
    )
    assert.deepEqual([code, ok], [1, false])
    assert.match(of('this machine', 'clock')!, /^ill: 180 s ahead of what 127\.0\.0\.1:\d+ say/)
    assert.match(of('provider own for example.com', 'dkim')!, /^ill: .* holds another key than the one that signs/)
    assert.match(of('provider gone', 'reached')!, /^ill: 127\.0\.0\.1:1 is not reached \(connect\)/)
    assert.match(of('provider own for other.example', 'spf')!, /^ill: other\.example has no SPF record/)
    assert.ok(findings.filter(({ health }) => health === 'ill').every(({ mend }) => mend !== undefined))
    const { out, err } = await waypost(['doctor', '--config', file])
    assert.match(out, /^provider own for example\.com\n {2}ill +dkim +wp1.*\n +publish the key that signs$/m)
    assert.match(err, /error: \d+ things are ill\./)
  } finally {
    writeFileSync(join(folder, 'key.pem'), key.privateKey)
    clockOff = 0
  }
})

test('a wrong config and a wrong domain end it before anything is asked', async () => {
  const wrong = join(folder, 'wrong.yaml')
  writeFileSync(wrong, 'routes: []\n')
  const { code, err } = await waypost(['doctor', '--config', wrong])
  assert.equal(code, 1)
  assert.match(err, /providers: is missing/)
  const { file } = await examined('  inbox: { adapter: inbox }')
  assert.equal((await waypost(['doctor', '--config', file, '--from', 'no domain'])).code, 2)
})
