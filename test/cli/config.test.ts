import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parse } from 'yaml'
import { signingName, signingSecret } from '../../src/accept/auth.ts'
import { waypost } from './running.ts'

const folder = mkdtempSync(join(tmpdir(), 'waypost-cli-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function config(text: string): string {
  const path = join(folder, `${++files}.yaml`)
  writeFileSync(path, text)
  return path
}

const least = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'

describe('waypost check', () => {
  it('says what a right config comes to', async () => {
    const file = config(`${least}smtp: { listen: "[::1]:25" }`)
    const { code, out, err } = await waypost(['check', '--config', file])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /is right\.\n {2}http {7}127\.0\.0\.1:8025\n {2}smtp {7}\[::1\]:25\n {2}store {6}sqlite:/)
    assert.match(out, /providers {2}inbox \(inbox\)\n {2}types {6}otp, transactional, marketing\n {2}routes {5}default/)
    const { out: asJson } = await waypost(['check', '--config', file, '--json'])
    const { policy, ...rest } = JSON.parse(asJson)
    assert.match(policy, /^[0-9a-f]{12}$/)
    assert.deepEqual(rest, {
      ok: true,
      warnings: [],
      http: '127.0.0.1:8025',
      smtp: ['[::1]:25'],
      store: 'sqlite:./data/waypost.db',
      keys: 'none: open to this machine',
      providers: ['inbox (inbox)'],
      types: ['otp', 'transactional', 'marketing'],
      routes: ['default'],
    })
  })

  it('says what the rules do, a paragraph for each', async () => {
    const file = config(least)
    const { code, out } = await waypost(['check', '--config', file, '--explain'])
    assert.equal(code, 0)
    assert.match(
      out,
      /^Policy [0-9a-f]{12}\. .*\n\n1\. default\. All mail\. It goes to inbox, and nowhere else\. When it/,
    )
    const { out: asJson } = await waypost(['check', '--config', file, '--explain', '--json'])
    const { rules, before } = JSON.parse(asJson)
    assert.deepEqual(before, [])
    assert.deepEqual([rules.length, rules[0].rule, rules[0].matches], [1, 'default', 'All mail.'])
  })

  it('says first what holds before any rule', async () => {
    const file = config(
      `${least.replace('adapter: inbox', 'adapter: inbox, labels: [eu]')}tenants: { acme: { labels: [eu] } }\n`,
    )
    const { out } = await waypost(['check', '--config', file, '--explain'])
    assert.match(
      out,
      /\n\nBefore any rule, for mail with a pinned provider too\. Mail of tenant acme may be carried only by providers with the label eu\.\n\n1\. default\./,
    )
  })

  it('prints each problem with file, line and column, and fails', async () => {
    const file = config(`${least}keep: soon\ntracking: on\n`)
    const { code, out, err } = await waypost(['check', '--config', file])
    assert.equal(code, 1)
    const [first, second, ...more] = out.split('\n')
    assert.ok(first?.startsWith(`${file}:3:7  keep: expected a duration`), first)
    assert.ok(second?.startsWith(`${file}:4:1  tracking: unknown key "tracking"`), second)
    assert.deepEqual(more, [])
    assert.equal(err, `error: ${file} has 2 problems.`)
    const { code: again, out: asJson } = await waypost(['check', '--config', file, '--json'])
    assert.equal(again, 1)
    const { ok, problems } = JSON.parse(asJson)
    assert.equal(ok, false)
    assert.deepEqual(
      problems.map(({ line, column, path }: Record<string, unknown>) => [line, column, path]),
      [
        [3, 7, 'keep'],
        [4, 1, 'tracking'],
      ],
    )
  })

  it('prints warnings beside the result', async () => {
    const file = config(least.replace('} }', '}, spare: { adapter: inbox } }'))
    const { code, err } = await waypost(['check', '--config', file])
    assert.equal(code, 0)
    assert.match(err, /^warning: .*:1:41 {2}providers.spare: no rule uses/)
  })

  it('fails for a file that is not there', async () => {
    const { code, err } = await waypost(['check', '--config', join(folder, 'none.yaml')])
    assert.equal(code, 1)
    assert.match(err, /none.yaml: there is no such file. Name one with --config/)
  })
})

describe('waypost keys create', () => {
  it('makes a key for the applications of a vendor, and says what to change in them', async () => {
    const flags = ['--tenant', 'acme', '--dialect', 'resend', '--url', 'https://mail.example.com/']
    const { out } = await waypost(['keys', 'create', ...flags])
    const [key] = out.split('\n')
    assert.match(key!, /^re_[\w-]{43}$/)
    assert.ok(out.includes(`RESEND_BASE_URL=https://mail.example.com RESEND_API_KEY=${key}`), out)
    assert.ok(out.includes(`host mail.example.com, port 587`), out)
    const wrong = await waypost(['keys', 'create', '--tenant', 'acme', '--dialect', 'nobody'])
    assert.equal(wrong.code, 2)
    assert.match(wrong.err, /there is no dialect "nobody"; there are .*resend/)
  })

  it('makes what clients that sign need, from the secret of the config or a new one', async () => {
    const args = ['keys', 'create', '--tenant', 'acme', '--dialect', 'amazon-ses', '--json', '--config']
    const own = 'x'.repeat(32)
    const { entry, id, secret, signing, moving } = JSON.parse(
      (await waypost([...args, config(`${least}signing: ${own}`)])).out,
    )
    assert.equal(signing, undefined)
    assert.equal(id, signingName({ hash: entry.hash.slice('sha256:'.length) }))
    assert.equal(secret, signingSecret(own, id))
    assert.ok(moving[0].set.includes(`AWS_ACCESS_KEY_ID=${id} AWS_SECRET_ACCESS_KEY=${secret}`))
    const without = JSON.parse((await waypost([...args, config(least)])).out)
    assert.equal(without.secret, signingSecret(without.signing, without.id))
    const { out } = await waypost([...args.filter((arg) => arg !== '--json'), config(least)])
    assert.match(out, /\n {2}signing: "[\w-]{43}"\n/)
    assert.equal((await waypost([...args, config('nonsense: 1')])).code, 1)
  })

  it('prints a key once, and an entry that stands for it', async () => {
    const args = ['--tenant', 'acme', '--scope', 'send', '--scope', 'read', '--from', 'Exämple.com']
    const { code, out } = await waypost(['keys', 'create', ...args])
    assert.equal(code, 0)
    const [key] = out.split('\n')
    assert.match(key ?? '', /^wp_live_[\w-]{43}$/)
    const [entry] = parse(out.split('\n').at(-1)!)
    const hash = `sha256:${createHash('sha256').update(key!).digest('hex')}`
    assert.deepEqual(entry, { hash, tenant: 'acme', scopes: ['send', 'read'], from: ['xn--exmple-cua.com'] })
    assert.equal(out.split(key!).length, 2)
    assert.equal((await waypost(['check', '--config', config(`${least}keys:\n${out.split('\n').at(-1)}`)])).code, 0)
  })

  it('can send, from anywhere, unless told', async () => {
    const { out } = await waypost(['keys', 'create', '--tenant', '123', '--json'])
    const { key, entry } = JSON.parse(out)
    assert.equal(entry.hash, `sha256:${createHash('sha256').update(key).digest('hex')}`)
    assert.deepEqual([entry.tenant, entry.scopes, entry.from], ['123', ['send'], []])
    const line = (await waypost(['keys', 'create', '--tenant', '123'])).out.split('\n').at(-1)!
    assert.equal(parse(line)[0].tenant, '123')
  })

  for (const args of [
    [],
    ['--tenant', '../x'],
    ['--tenant', 'a', '--scope', 'sned'],
    ['--tenant', 'a', '--from', 'a@b.com'],
  ]) {
    it(`is used wrongly: ${args.join(' ')}`, async () => {
      const { code, out } = await waypost(['keys', 'create', ...args])
      assert.deepEqual([code, out], [2, ''])
    })
  }
})

const entry = (digit: string, tenant: string) =>
  `{ hash: "sha256:${digit.repeat(64)}", tenant: ${tenant},   scopes: [send, read] }`

describe('waypost keys list', () => {
  it('shows the beginning of each hash, whatever else the config lacks', async () => {
    const file = config(
      `keys:\n  - ${entry('a', 'acme')}\n  - { hash: "sha256:${'b'.repeat(64)}", tenant: beta, from: [x.com] }\nproviders: { a: { adapter: x, key: "\${UNSET}" } }`,
    )
    const { out } = await waypost(['keys', 'list', '--config', file])
    assert.equal(
      out,
      'HASH\tTENANT\tSCOPES\tFROM\naaaaaaaaaaaa\tacme\tsend, read\tany\nbbbbbbbbbbbb\tbeta\tsend\tx.com',
    )
    const { out: asJson } = await waypost(['keys', '--config', file, '--json'])
    assert.deepEqual(JSON.parse(asJson).keys[1], {
      hash: 'bbbbbbbbbbbb',
      tenant: 'beta',
      scopes: ['send'],
      from: ['x.com'],
    })
  })
})

describe('waypost keys revoke', () => {
  const block = `# Ours
${least}
keys:   # who may send
  # acme's
  - ${entry('a', 'acme')}   # until May
  - hash: "sha256:${'b'.repeat(64)}"
    tenant: beta   # new

  - ${entry('c', 'gamma')}
keep:   1d   # short
`

  it('takes out one entry and leaves every other byte', async () => {
    const file = config(block)
    chmodSync(file, 0o640)
    const { code, out, err } = await waypost(['keys', 'revoke', 'sha256:BBBBBB', '--config', file])
    assert.deepEqual([code, out, err], [0, 'Revoked bbbbbbbbbbbb of beta.', ''])
    assert.equal(readFileSync(file, 'utf8'), block.replace(/ {2}- hash[\s\S]*# new\n/, ''))
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.equal((await waypost(['keys', 'revoke', 'aaaaaa', '--config', file])).code, 0)
    assert.match(readFileSync(file, 'utf8'), /keys: {3}# who may send\n {2}# acme's\n\n {2}- \{ hash: "sha256:c/)
    const last = await waypost(['keys', 'revoke', 'cccccc', '--config', file])
    assert.equal(last.code, 0)
    assert.match(last.err, /no key is left/)
    assert.match(readFileSync(file, 'utf8'), /keys: \[\] {3}# who may send/)
    assert.equal((await waypost(['check', '--config', file])).code, 0)
    assert.ok(readdirSync(folder).every((name) => !name.endsWith('.tmp')))
  })

  it('takes it out of a list in brackets', async () => {
    const list = (...keys: string[]) => `${least}keys: [ ${keys.join(' ,\n  ')} ] # keys\n`
    const [a, b, c] = [entry('a', 'x'), entry('b', 'y'), entry('c', 'z')]
    for (const [wanted, rest] of [
      ['aaaaaa', [b, c]],
      ['bbbbbb', [a, c]],
      ['cccccc', [a, b]],
    ] as const) {
      const file = config(list(a, b, c))
      assert.equal((await waypost(['keys', 'revoke', wanted, '--config', file])).code, 0)
      assert.equal(readFileSync(file, 'utf8'), list(...rest))
    }
    const file = config(list(a))
    assert.equal((await waypost(['keys', 'revoke', 'aaaaaa', '--config', file])).code, 0)
    assert.equal(readFileSync(file, 'utf8'), `${least}keys: [] # keys\n`)
  })

  it('changes the file behind a link, not the link', async () => {
    const file = config(block)
    const link = join(folder, 'link.yaml')
    symlinkSync(file, link)
    assert.equal((await waypost(['keys', 'revoke', 'aaaaaa', '--config', link])).code, 0)
    assert.ok(!readFileSync(file, 'utf8').includes('acme,'))
    assert.equal(readFileSync(link, 'utf8'), readFileSync(file, 'utf8'))
  })

  it('changes nothing where the config would be wrong without the key', async () => {
    const text = `${least}http: { listen: ":8025" }\nkeys:\n  - ${entry('a', 'acme')}\n`
    const file = config(text)
    const { code, err } = await waypost(['keys', 'revoke', 'aaaaaa', '--config', file])
    assert.equal(code, 1)
    assert.match(err, /nothing was changed.*\n {2}.*:3:17 {2}http.listen: without keys anyone could send/)
    assert.equal(readFileSync(file, 'utf8'), text)
  })

  it('changes nothing for a hash that is none, is not there, or could be several', async () => {
    const file = config(block.replace(/c{64}/, `aaaaaab${'c'.repeat(57)}`))
    const revoke = (hash: string) => waypost(['keys', 'revoke', hash, '--config', file])
    assert.deepEqual(
      [
        (await revoke('xyz')).code,
        (await revoke('aaa')).code,
        (await revoke('dddddd')).code,
        (await revoke('aaaaaa')).code,
      ],
      [2, 2, 1, 1],
    )
    assert.equal((await revoke('aaaaaab')).code, 0)
  })
})
