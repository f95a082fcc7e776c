/** The rules change, and it turns out that they should not have: what was in force is known, and comes back. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
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
    const versions = async (): Promise<{ version: string; current: boolean }[]> =>
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
    const { out: printed } = await policies('rollback', old.version, '--config', file)
    assert.equal(`${printed}\n`, body.rules)
    assert.equal(readFileSync(file, 'utf8'), before)

    const { code, out } = await policies('rollback', old.version, '--config', file, '--write')
    assert.deepEqual([code, out], [0, `${file} has the rules of ${old.version} now.`])
    assert.equal(readFileSync(file, 'utf8'), before.replace(`routes:\n${second}`, body.rules))
    await takeover(3)
    assert.deepEqual(
      (await versions()).map(({ version, current }) => [version, current]),
      [
        [old.version, true],
        [now.version, false],
        [old.version, false],
      ],
    )

    gateway.configure(config('  - { name: default, use: b }').replace('a: { adapter: inbox }, ', ''))
    await takeover(4)
    const { code: failed, err } = await policies('rollback', old.version, '--config', file, '--write')
    assert.equal(failed, 1)
    assert.match(err, /would not be right with these rules, and stays as it is:\n.*there is no provider "a"/)
  }))
