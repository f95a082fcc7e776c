// biome-ignore-all lint/suspicious/noTemplateCurlyInString: how the config names a variable
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { adapters as shipped } from '../adapters/index.ts'
import { parseConfig } from '../src/config.ts'
import { accepted, adapters, least, refused, warned } from './config/reading.ts'
import { certificate } from './support/certificates.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

describe('a config with nothing but a provider and a route', async () => {
  const config = await accepted(least)

  it('listens on loopback, with the documented limits', async () => {
    assert.deepEqual(config.http, {
      listen: { host: '127.0.0.1', port: 8025 },
      maxSize: 35 * 1024 * 1024,
      tls: null,
    })
    assert.deepEqual(config.smtp, {
      listen: { host: '127.0.0.1', port: 2525 },
      maxSize: 25 * 1024 * 1024,
      tls: null,
      tlsListen: null,
      auth: 'optional',
      maxConnections: 500,
      maxRecipients: 1000,
    })
    assert.deepEqual(config.store, { kind: 'sqlite', path: './data/waypost.db' })
    assert.equal(config.keep, 30 * day)
  })

  it('knows the three types and what they are owed', async () => {
    const retry = { first: 30_000, max: hour }
    const common = {
      reconcileFor: 15 * minute,
      retry,
      deadline: { taken: null, delivered: null },
      attempts: null,
      quiet: null,
      unsubscribes: false,
      labels: [],
      needs: [],
      explore: true,
      limits: null,
    }
    assert.deepEqual(
      { ...config.types },
      {
        otp: {
          name: 'otp',
          expire: 10 * minute,
          onUnknown: 'failover',
          priority: 'high',
          ...common,
          deadline: { taken: 3_000, delivered: null },
          explore: false,
        },
        transactional: { name: 'transactional', expire: day, onUnknown: 'reconcile', priority: 'normal', ...common },
        marketing: {
          name: 'marketing',
          expire: 3 * day,
          onUnknown: 'hold',
          priority: 'low',
          ...common,
          unsubscribes: true,
        },
      },
    )
  })

  it('has no type of a name that JavaScript knows', async () => {
    assert.equal(config.types.constructor, undefined)
    assert.equal(Object.getPrototypeOf(config.types), null)
  })

  it('gives the provider its defaults', async () => {
    const [{ adapter, ...provider }] = config.providers as [(typeof config.providers)[0]]
    assert.equal(adapter.name, 'inbox')
    assert.deepEqual(provider, {
      name: 'inbox',
      options: {},
      cost: { monthly: 0, commitment: 0, tiers: [{ upTo: Number.POSITIVE_INFINITY, perThousand: 0 }], perGigabyte: 0 },
      limits: { perSecond: null, perMinute: null, perHour: null, perDay: null, perMonth: null, inFlight: 150 },
      timeout: 30_000,
      breaker: { failures: 5, open: 30_000, probes: 1, observe: false },
      labels: [],
      tenants: null,
      domains: null,
      identity: null,
      shaping: [],
    })
  })

  it('matches everything with its one rule', async () => {
    assert.deepEqual(config.policy.rules, [{ name: 'default', when: null, use: { provider: 'inbox' } }])
  })
})

describe('units', () => {
  it('are read into milliseconds and bytes', async () => {
    const config = await accepted(
      `${least}keep: 1.5h\nretry: { first: 500ms, max: 3d }\nhttp: { maxSize: 64KB }\nsmtp: { maxSize: 1GB }`,
    )
    assert.equal(config.keep, 1.5 * hour)
    assert.deepEqual(config.types.otp?.retry, { first: 500, max: 3 * day })
    assert.equal(config.http.maxSize, 65_536)
    assert.equal(config.smtp.maxSize, 1024 ** 3)
  })

  it('are asked for where a bare number stands, and bounded', async () => {
    for (const wrong of ['30', '"30"', '30 s', '-3s', '0s', '366d', '3w']) {
      assert.match(
        (await refused(`${least}keep: ${wrong}`))[0] ?? '',
        /^3:7 keep: (expected a duration|must be from 1ms to 365d)/,
        wrong,
      )
    }
    for (const wrong of ['30', '25mb', '2GB', '0B', '5MiB']) {
      assert.match((await refused(`${least}http: { maxSize: ${wrong} }`))[0] ?? '', /^3:18 http.maxSize: /, wrong)
    }
  })

  it('take addresses with a host, in brackets, or without one', async () => {
    const listen = async (text: string) => (await accepted(`${least}http: { listen: "${text}" }`)).http.listen
    assert.deepEqual(await listen('localhost:0'), { host: 'localhost', port: 0 })
    assert.deepEqual(await listen('[::1]:25'), { host: '::1', port: 25 })
    const key = `keys: [{ hash: "sha256:${'a'.repeat(64)}", tenant: acme }]\n`
    assert.deepEqual((await accepted(`${least}${key}http: { listen: ":8025" }`)).http.listen, { host: '', port: 8025 })
    for (const wrong of ['8025', '127.0.0.1', '::1:25', 'host:99999', 'host:', 'a b:25']) {
      assert.match(
        (await refused(`${least}http: { listen: "${wrong}" }`))[0] ?? '',
        /^3:17 http.listen: expected host:port/,
        wrong,
      )
    }
  })
})

describe('types', () => {
  it('change what exists key by key, and start from transactional where they are new', async () => {
    const { types } = await accepted(
      `${least}retry: { first: 10s, max: 20m }\ntypes: { otp: { expire: 5m }, receipts: { retry: { max: 2h } } }`,
    )
    assert.deepEqual(types.otp, {
      name: 'otp',
      expire: 5 * minute,
      onUnknown: 'failover',
      reconcileFor: 15 * minute,
      priority: 'high',
      retry: { first: 10_000, max: 20 * minute },
      deadline: { taken: 3_000, delivered: null },
      attempts: null,
      quiet: null,
      unsubscribes: false,
      labels: [],
      needs: [],
      explore: false,
      limits: null,
    })
    assert.deepEqual(types.receipts, {
      name: 'receipts',
      expire: day,
      onUnknown: 'reconcile',
      reconcileFor: 15 * minute,
      priority: 'normal',
      retry: { first: 10_000, max: 2 * hour },
      deadline: { taken: null, delivered: null },
      attempts: null,
      quiet: null,
      unsubscribes: false,
      labels: [],
      needs: [],
      explore: true,
      limits: null,
    })
  })

  it('may say by when it is taken and delivered, how often it is tried, and when it is not sent', async () => {
    const { types } = await accepted(
      `${least}types: { otp: { deadline: { delivered: 1m } }, news: { attempts: 5, quiet: { from: "22:00", to: "07:30", zone: Europe/Berlin } } }`,
    )
    assert.deepEqual(types.otp?.deadline, { taken: 3_000, delivered: minute })
    assert.equal(types.news?.attempts, 5)
    assert.deepEqual(types.news?.quiet, { from: 22 * 60, to: 7 * 60 + 30, zones: ['Europe/Berlin'] })
    const wrong = async (keys: string) => (await refused(`${least}types: { news: { ${keys} } }`))[0]!
    assert.match(
      await wrong('deadline: { delivered: 1m }'),
      /delivered does nothing unless the type says onUnknown: fail/,
    )
    assert.match(await wrong('quiet: { from: "22:00", to: "22:00" }'), /begins and ends at the same time/)
    assert.match(await wrong('quiet: { from: "24:00", to: "7:00" }'), /expected a time of day in quotes/)
    assert.match(await wrong('quiet: { from: "22:00", to: "07:00", zone: Mars }'), /there is no such time zone/)
    assert.match(await wrong('quiet: { from: "22:00", to: "07:00", zone: [metadata.] }'), /zone/)
    assert.match(await wrong('attempts: 0'), /types.news.attempts/)
  })

  it('are used to find out which provider is best, unless they say no, and a code never is', async () => {
    const text = (types: string) =>
      `providers: { a: { adapter: inbox } }\nroutes: [{ name: d, use: a }]\ntypes: ${types}`
    const { types } = await accepted(text('{ invoice: { explore: false }, receipt: {} }'))
    assert.deepEqual([types.invoice?.explore, types.receipt?.explore, types.otp?.explore], [false, true, false])
    assert.deepEqual(await refused(text('{ otp: { explore: true } }')), [
      '3:26 types.otp.explore: a code is never used to find out which provider is best; leave it out',
    ])
  })

  it('may ask for labels that some provider bears', async () => {
    const text = (labels: string) =>
      `providers: { a: { adapter: inbox, labels: [eu] } }\nroutes: [{ name: d, use: a }]\ntypes: { otp: { labels: ${labels} } }`
    assert.deepEqual((await accepted(text('[eu]'))).types.otp?.labels, ['eu'])
    assert.deepEqual(await refused(text('[eu, de]')), [
      '3:25 types.otp.labels: no provider bears eu and de, so this type could never be sent',
    ])
  })
})

describe('alerts', () => {
  it('go to an address, when there is one', async () => {
    assert.deepEqual((await accepted(least)).alerts, { url: null, unknowns: 10 })
    const url = 'http://127.0.0.1:9/a'
    assert.deepEqual((await accepted(`${least}alerts: { url: "${url}", unknowns: 3 }`)).alerts, { url, unknowns: 3 })
    assert.match((await refused(`${least}alerts: { url: "ftp://a.test" }`))[0]!, /begins with https:/)
  })
})

describe('the environment', () => {
  const text = 'providers: { a: { adapter: acme, token: "${TOKEN}" } }\nroutes: [{ name: d, use: a }]'

  it('fills in text values, which stay text', async () => {
    assert.deepEqual((await accepted(text, { env: { TOKEN: '0123' } })).providers[0]?.options, {
      token: '0123',
      region: 'eu',
    })
    const mixed = text.replace('${TOKEN}', () => 'a-${A}-${B}-$${A}')
    assert.deepEqual((await accepted(mixed, { env: { A: '1', B: '${A}' } })).providers[0]?.options, {
      token: 'a-1-${A}-${A}',
      region: 'eu',
    })
  })

  it('tells of a variable that is not set, at its key, and of nothing else there', async () => {
    const told =
      '1:41 providers.a.token: the environment variable TOKEN is not set. Set it, or write $${ for the characters themselves'
    assert.deepEqual(await refused(text), [told])
    assert.deepEqual((await refused(text.replace('adapter: acme', 'adapter: acme, region: "${toString}"'))).length, 2)
  })

  it('tells of what is no variable', async () => {
    for (const wrong of ['${}', '${A B}', '${A', '${A:-x}']) {
      const [problem] = await refused(text.replace('${TOKEN}', wrong), { env: { A: '1' } })
      assert.match(problem ?? '', /^1:41 providers.a.token: "\$\{" begins an environment variable/, wrong)
    }
  })

  it('never shows a value', async () => {
    const secret = 'sk-very-secret'
    for (const place of [
      'timeout: "${S}"',
      'region: "${S}"',
      'labels: ["${S} "]',
      'limits: "${S}"',
      'breaker: { open: "${S}" }',
    ]) {
      const problems = await refused(text.replace('token: "${TOKEN}"', `token: x, ${place}`), { env: { S: secret } })
      assert.equal(problems.length, 1, place)
      assert.ok(!problems[0]?.includes(secret), problems[0])
    }
  })

  it('hints at quotes where braces are in the way', async () => {
    const [problem] = await refused('providers: { a: { adapter: acme, token: ${TOKEN} } }\nroutes: []')
    assert.match(problem ?? '', /^1:\d+ : .*a variable needs quotes/)
  })
})

describe('keys', () => {
  const hash = `sha256:${'AB'.repeat(32)}`

  it('are read with their scopes and domains, and make SMTP ask for them', async () => {
    const config = await accepted(`${least}keys:\n  - { hash: "${hash}", tenant: acme, from: [Exämple.com] }`)
    assert.deepEqual(config.keys, [
      { hash: 'ab'.repeat(32), tenant: 'acme', scopes: ['send'], from: ['xn--exmple-cua.com'] },
    ])
    assert.equal(config.smtp.auth, 'required')
  })

  it('are checked', async () => {
    const entry = (text: string) => refused(`${least}keys:\n  - { ${text} }\n  - { hash: "${hash}", tenant: b }`)
    assert.deepEqual(await entry(`hash: "${hash}", tenant: a`), [
      '5:13 keys[1].hash: this key stands in the list already',
    ])
    assert.match(
      (await entry('hash: wp_live_abc, tenant: a'))[0] ?? '',
      /^4:13 keys\[0\].hash: expected sha256: and 64 hex digits/,
    )
    assert.match(
      (await entry(`hash: "sha256:${'0'.repeat(64)}", tenant: ../x`))[0] ?? '',
      /keys\[0\].tenant: a name is/,
    )
    assert.match(
      (await entry(`hash: "sha256:${'0'.repeat(64)}", tenant: a, scopes: [sned]`))[0] ?? '',
      /did you mean "send"/,
    )
    assert.match(
      (await entry(`hash: "sha256:${'0'.repeat(64)}", tenant: a, from: [a@b.com]`))[0] ?? '',
      /keys\[0\].from\[0\]: expected a domain/,
    )
  })

  it('must exist before anyone but this machine may come in', async () => {
    const open = 'http: { listen: ":8025" }\nsmtp: { listen: "0.0.0.0:25", auth: required }'
    assert.deepEqual(
      (await refused(`${least}${open}`)).map((problem) => problem.split(': ')[0]),
      ['3:17 http.listen', '4:17 smtp.listen', '4:37 smtp.auth'],
    )
    assert.deepEqual(await refused(`${least}${open}\nkeys: [{ hash: "${hash}", tenant: a }]`), [])
    assert.deepEqual(await refused(`${least}http: { listen: "[::1]:0" }\nsmtp: { listen: "localhost:0" }`), [])
  })
})

describe('listeners', () => {
  it('need addresses of their own', async () => {
    assert.deepEqual(await refused(`${least}smtp: { listen: "127.0.0.1:8025" }`), [
      '3:17 smtp.listen: http.listen listens there already',
    ])
  })

  it('need a certificate for TLS', async () => {
    assert.deepEqual(await refused(`${least}smtp: { tlsListen: "127.0.0.1:4465" }`), [
      '3:9 smtp.tlsListen: needs smtp.tls: {cert, key}',
    ])
    const tls = `${least}http: { tls: { cert: cert.pem, key: key.pem } }`
    const readFile = (path: string) => {
      if (path === 'cert.pem') return 'not a certificate'
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    }
    assert.deepEqual(await refused(tls, { readFile }), [
      '3:22 http.tls.cert: the file holds no certificate in PEM',
      '3:37 http.tls.key: the file cannot be read (ENOENT)',
    ])
    assert.match((await refused(tls))[0] ?? '', /no files can be read here/)
    const files: Record<string, string> = { 'cert.pem': certificate.cert, 'key.pem': certificate.key }
    assert.deepEqual((await accepted(tls, { readFile: (path) => files[path]! })).http.tls, certificate)
    files['key.pem'] = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    assert.deepEqual(await refused(tls, { readFile: (path) => files[path]! }), [
      '3:37 http.tls.key: is not the key of this certificate',
    ])
  })
})

describe('what would do nothing or is not known', () => {
  it('is an error at the key, with the nearest name and the list', async () => {
    assert.deepEqual(await refused(`${least}retry: { frist: 30s }`), [
      '3:10 retry.frist: unknown key "frist" (did you mean "first"?). Allowed here: first, max',
    ])
    assert.match(
      (await refused(`${least}tracking: on`))[0] ?? '',
      /^3:1 tracking: unknown key "tracking"\. Allowed here: http, smtp,/,
    )
    assert.match(
      (await refused('providers: { a: { adapter: acme, token: x, tokn: y } }\nroutes: [{ name: d, use: a }]'))[0] ?? '',
      /^1:44 providers.a.tokn: unknown key "tokn" \(did you mean "token"\?\)/,
    )
  })

  it('is an error also for a key that stands twice or reaches into JavaScript', async () => {
    assert.deepEqual(await refused(`${least}keep: 1d\nkeep: 2d`), ['4:1 keep: this key stands here twice; remove one'])
    assert.match((await refused(`${least}types: { __proto__: { expire: 1d } }`))[0] ?? '', /^3:10 types.__proto__: /)
    assert.match(
      (await refused(`${least}types: { constructor: {} }`))[0] ?? '',
      /^3:10 types.constructor: this name is not allowed/,
    )
  })

  it('is an error for names that could hurt elsewhere', async () => {
    for (const name of ['"../../x"', 'a/b', '"a b"', '""', 'x'.repeat(65)]) {
      assert.match((await refused(`${least}types: { ${name}: {} }`))[0] ?? '', /a name is 1 to 64/, name)
    }
  })

  it('is only a warning for a provider that no rule uses', async () => {
    assert.deepEqual(await warned(least.replace('} }', '}, spare: { adapter: inbox } }')), [
      '1:41 providers.spare: no rule uses this provider: only mail that pins it goes there',
    ])
  })
})

describe('every problem', () => {
  it('is told at once, in the order of lines', async () => {
    const problems = await refused(`
http: { listen: nowhere }
providers:
  a: { adapter: acme }
  b: { adapter: acm, token: x }
types: { otp: { onUnknown: fail } }
routes:
  - name: codes
    when: { type: opt }
    use: { first: [a, c] }
  - use: b
`)
    assert.deepEqual(
      problems.map((problem) => problem.split(': ')[0]),
      [
        '2:17 http.listen',
        '4:3 providers.a.token',
        '5:17 providers.b.adapter',
        '6:28 types.otp.onUnknown',
        '9:19 routes[0].when.type',
        '10:23 routes[0].use.first[1]',
        '11:5 routes[1].name',
      ],
    )
  })

  it('is told of text that is no config at all', async () => {
    assert.match((await refused(''))[0] ?? '', /^1:1 : expected a mapping, found nothing/)
    assert.match((await refused('- a\n- b'))[0] ?? '', /^1:1 : expected a mapping, found a list/)
    assert.match((await refused('providers: {\n'))[0] ?? '', /^\d+:\d+ : /)
    assert.match((await refused('a: b\n---\nc: d'))[0] ?? '', /^\d+:\d+ : /)
    assert.match((await refused('? [a, b]\n: c'))[0] ?? '', /^1:\d+ : /)
  })

  it('is told of aliases that would fill the memory, and of nesting beyond all sense', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 9; level++) {
      const [name, last] = [String.fromCharCode(97 + level), String.fromCharCode(96 + level)]
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${last}`).join(', ')}]`)
    }
    assert.match((await refused(bomb.join('\n')))[0] ?? '', /^1:1 : cannot be read: .*alias/)
    assert.ok((await refused(`a: ${'['.repeat(20_000)}`)).length > 0)
    const deep = `${'{ not: '.repeat(3000)}{ tag: x }${' }'.repeat(3000)}`
    assert.ok((await refused(least.replace('name: default', `name: default, when: ${deep}`))).length > 0)
  })

  it('is told by a value, never by throwing, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          fc.json().map((json) => `routes: ${json}\nproviders: ${json}`),
        ),
        async (text) => {
          const parsed = await parseConfig(text, { file: 'x', env: {}, adapters })
          return 'problems' in parsed && parsed.problems.every(({ line, column }) => line > 0 && column > 0)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('the configs that come with Waypost', () => {
  const folder = new URL('../config/', import.meta.url)
  const examples = readdirSync(new URL('examples/', folder), { recursive: true, encoding: 'utf8' })
  const files = ['waypost.yaml', ...examples.filter((name) => name.endsWith('.yaml')).map((name) => `examples/${name}`)]
  for (const file of files) {
    it(`${file} is right`, async () => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      const env = Object.fromEntries(
        [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'a-secret-of-some-length']),
      )
      const parsed = await parseConfig(text, { file, env, adapters: shipped })
      const problems = 'problems' in parsed ? parsed.problems : parsed.warnings
      // The key to sign with is everyone's own.
      assert.deepEqual(
        problems.filter(({ path }) => !path.endsWith('privateKeyFile')),
        [],
      )
    })
  }
})

describe('a problem is told once, and with what would be right', () => {
  it('says only where YAML first went wrong', async () => {
    assert.deepEqual(
      (await refused('providers: { p: { adapter: acme, token: ${X} } }\nroutes: [{ name: d, use: p }]\n')).length,
      1,
    )
  })

  it('names the keys of all providers beside those of the adapter', async () => {
    assert.deepEqual(
      await refused('providers: { p: { adapter: inbox, timeoutt: 3s } }\nroutes: [{ name: d, use: p }]\n'),
      [
        '1:35 providers.p.timeoutt: unknown key "timeoutt" (did you mean "timeout"?). Allowed here: adapter, via, cost, limits, warmup, timeout, breaker, labels, tenants, domains, identity',
      ],
    )
  })

  it('blames no type where there is no provider', async () => {
    assert.deepEqual(await refused(''), ['1:1 : expected a mapping, found nothing'])
  })
})
