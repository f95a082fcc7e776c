/** The settings of the adapters that speak SMTP. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { z } from 'zod'
import direct from '../../adapters/direct.ts'
import inbox from '../../adapters/inbox.ts'
import { adapters } from '../../adapters/index.ts'
import smtp from '../../adapters/smtp.ts'

/** Where each complaint is, and what it says. */
function wrong(adapter: { options: z.ZodType }, given: unknown): string[] {
  const parsed = adapter.options.safeParse(given)
  return parsed.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}

describe('smtp', () => {
  test('finds the port and the TLS that go with the rest', () => {
    const told = (given: object) => {
      const { port, tls } = smtp.options.parse({ host: 'relay.example.com', ...given })
      return [port, tls]
    }
    assert.deepEqual(told({}), [587, 'opportunistic'])
    assert.deepEqual(told({ secure: true }), [465, 'implicit'])
    assert.deepEqual(told({ port: 2525, tls: 'none' }), [2525, 'none'])
    assert.deepEqual(told({ user: 'a', pass: 'b' }), [587, 'required'])
    assert.deepEqual(told({ user: 'a', pass: 'b', secure: true }), [465, 'implicit'])
  })

  test('refuses what would send credentials in the clear, or would do nothing', () => {
    const account = { host: 'relay.example.com', user: 'a', pass: 'b' }
    assert.match(wrong(smtp, { ...account, tls: 'opportunistic' }).join(), /^tls: .*in the clear/)
    assert.match(wrong(smtp, { ...account, tls: 'none' }).join(), /^tls: .*in the clear/)
    assert.match(wrong(smtp, { ...account, secure: true, tls: 'required' }).join(), /^tls: does nothing/)
    assert.match(wrong(smtp, { host: 'x.example', user: 'a' }).join(), /^pass: is missing/)
    assert.match(wrong(smtp, { host: 'x.example', pass: 'a' }).join(), /^user: is missing/)
    assert.match(wrong(smtp, { host: 'x.example', colour: 'red' }).join(), /colour/)
    for (const host of ['', 'a b', 'a\r\nb', 'http://a', 'a/b']) assert.match(wrong(smtp, { host }).join(), /^host:/)
    assert.match(wrong(smtp, { host: 'x.example', hostname: 'a\r\nMAIL FROM:<x>' }).join(), /^hostname:/)
  })
})

describe('direct', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-'))
  after(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const pem = (key: ReturnType<typeof generateKeyPairSync>['privateKey']) =>
    key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const ed25519 = pem(generateKeyPairSync('ed25519').privateKey)
  const dkim = (privateKeyFile: string) => ({ domain: 'Example.com', selector: 'wp1', privateKeyFile })

  test('has defaults for all but the name we give', () => {
    assert.deepEqual(direct.options.parse({ hostname: 'mail.example.com' }), {
      hostname: 'mail.example.com',
      port: 25,
      resolver: [],
      allowPrivate: false,
      tls: 'opportunistic',
      connectionsPerHost: 10,
      dkim: [],
    })
    assert.match(wrong(direct, {}).join(), /^hostname:/)
  })

  test('reads one key or several', () => {
    const one = direct.options.parse({ hostname: 'a.example', dkim: dkim(file('a.pem', ed25519)) })
    assert.deepEqual(one.dkim, [{ domain: 'example.com', selector: 'wp1', privateKey: ed25519 }])
    const two = direct.options.parse({
      hostname: 'a.example',
      dkim: [dkim(file('a.pem', ed25519)), dkim(file('b.pem', ed25519))],
    })
    assert.equal(two.dkim.length, 2)
  })

  test('says what is wrong with a key file, and where, without showing it', () => {
    const complaint = (privateKeyFile: string) =>
      wrong(direct, { hostname: 'a.example', dkim: [dkim(privateKeyFile)] }).join()
    assert.match(complaint(join(folder, 'none.pem')), /^dkim\.0\.privateKeyFile: .*cannot be read \(ENOENT\)/)
    assert.match(complaint(file('text.pem', 'sesame')), /^dkim\.0\.privateKeyFile: .*not a private key/)
    assert.doesNotMatch(complaint(file('text.pem', 'sesame')), /sesame/)
    const curve = pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    assert.match(complaint(file('ec.pem', curve)), /neither RSA nor Ed25519/)
    const short = pem(generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey)
    assert.match(complaint(file('short.pem', short)), /less than 1024 bits/)
    assert.match(wrong(direct, { hostname: 'a.example', dkim: { domain: 'a.example' } }).join(), /^dkim: must be/)
  })

  test('takes DNS servers as addresses, with or without a port', () => {
    const resolver = ['127.0.0.1', '127.0.0.1:5300', '::1', '[::1]:53']
    assert.deepEqual(direct.options.parse({ hostname: 'a.example', resolver }).resolver, resolver)
    for (const bad of ['dns.example.com', '127.0.0.1:0', '127.0.0.1:99999', '']) {
      assert.match(wrong(direct, { hostname: 'a.example', resolver: [bad] }).join(), /^resolver\.0: must be/)
    }
  })
})

test('inbox takes no settings', () => {
  assert.deepEqual(inbox.options.parse({}), {})
  assert.match(wrong(inbox, { a: 1 }).join(), /"a"/)
})

test('every adapter has a JSON Schema whose fields are described', async () => {
  for (const [name, load] of adapters) {
    const adapter = await load()
    assert.equal(adapter.name, name)
    const { properties = {} } = z.toJSONSchema(adapter.options, { io: 'input' })
    for (const [field, schema] of Object.entries(properties)) {
      assert.ok(typeof schema === 'object' && schema.description, `${name}.${field}`)
    }
  }
})
