/** The rules change, and it turns out that they should not have: what was in force is known, and comes back. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { waypost } from '../cli/running.ts'
import { eventually, withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hi.' }

const config = (rules: string) => `
# Ours.
providers: { a: { adapter: inbox }, b: { adapter: inbox, cost: { perThousand: 1 } } } # two
routes:
${rules}
# After all.
types: { news: { expire: 1d } }
`
const first = '  - name: default # everything\n    use: { first: [a, b] }\n'
const second = '  - { name: codes, when: { type: otp }, use: a }\n  - { name: default, use: { first: [b, a] } }\n'

test('every policy is kept, a message knows which routed it, and an earlier one comes back', () =>
  withWaypost(config(first), async (gateway) => {
    const policies = async (...args: string[]) => waypost(['policies', ...args, '--url', gateway.url])
    const versions = async (): Promise<{ version: string; current: boolean; by: string }[]> =>
      (await gateway.get('/v1/policies')).body.policies
    const takeover = (count: number) =>
      eventually(async () => (await versions()).length === count, `there are ${count} policies`)

    const [old] = await versions()
    const message = await gateway.send(mail)
    await gateway.until(message, 'sent')
    gateway.configure(config(second))
    await takeover(2)
    const [now] = await versions()
    assert.ok(now && old && now.version !== old.version && now.current)

    assert.equal((await gateway.get(`/v1/messages/${message}/explain`)).body.policy, old.version)
    const { body } = await gateway.get(`/v1/policies/${old.version}`)
    assert.equal(body.rules, 'routes:\n  - name: default\n    use:\n      first:\n        - a\n        - b\n')
    assert.equal(body.by, join(gateway.folder, 'waypost.yaml'))
    assert.equal((await gateway.get('/v1/policies/nothing')).status, 404)

    const list = await policies()
    assert.match(list.out, new RegExp(`^VERSION.*\\n${now.version}\\t.*\\tin force\\n${old.version}\\t.*\\t-$`))
    const { out: changed } = await policies('diff', old.version, now.version)
    assert.match(
      changed,
      /^ {2}routes:\n\+ {3}- name: codes\n\+ {5}when:\n\+ {7}type: otp\n\+ {5}use: a\n {4}- name: default\n/,
    )
    assert.match(changed, /^- {9}- a\n {10}- b\n\+ {9}- a$/m)

    const file = join(gateway.folder, 'waypost.yaml')
    const before = readFileSync(file, 'utf8')
    const { code, out } = await policies('activate', old.version)
    assert.deepEqual([code, out], [0, `The policy ${old.version} is in force.`])
    assert.equal(readFileSync(file, 'utf8'), before.replace(`routes:\n${second}`, body.rules))
    assert.equal((await policies('rollback')).out, `The policy ${now.version} is in force.`)
    assert.deepEqual(
      (await versions()).map(({ version, current, by }) => [version, current, by]),
      [
        [now.version, true, 'anyone, for there are no keys'],
        [old.version, false, 'anyone, for there are no keys'],
        [now.version, false, file],
        [old.version, false, file],
      ],
    )
  }))

test('rules of a file come into force, with the key that did it; wrong ones change nothing', () => {
  const key = 'wp_live_manager'
  const hash = createHash('sha256').update(key).digest('hex')
  const keys = `keys: [{ hash: "sha256:${hash}", tenant: acme, scopes: [send, manage] }]\n`
  return withWaypost(keys + config(first), async (gateway) => {
    const policies = async (...args: string[]) => waypost(['policies', ...args, '--url', gateway.url, '--key', key])
    const file = join(gateway.folder, 'waypost.yaml')
    const draft = join(gateway.folder, 'draft.yaml')

    writeFileSync(draft, `routes:\n${second}`)
    const { out } = await policies('activate', '--file', draft)
    const version = /^The policy (\w+) is in force\.$/.exec(out)?.[1]
    assert.ok(version, out)
    const listed = JSON.parse((await policies('--json')).out).policies[0]
    assert.deepEqual(listed, { version, at: listed.at, by: `key ${hash.slice(0, 12)} of acme`, current: true })

    const good = readFileSync(file, 'utf8')
    writeFileSync(draft, 'routes: [{ name: default, use: c }]')
    const { code, err } = await policies('activate', '--file', draft)
    assert.equal(code, 1)
    assert.match(err, /The policy in force stays: .*routes\[0\]\.use: there is no provider "c"/)
    assert.equal(readFileSync(file, 'utf8'), good)

    const more = { body: `routes: [{ name: default, use: a }]\nalerts: {}\n`, key, type: 'application/yaml' }
    const refused = await fetch(`${gateway.url}/v1/policies`, {
      method: 'POST',
      headers: { authorization: `Bearer ${more.key}`, 'content-type': more.type },
      body: more.body,
    })
    assert.equal(refused.status, 422)
    assert.match((await refused.json()).detail, /and nothing else/)
    assert.equal((await policies('activate')).code, 2)
  })
})
