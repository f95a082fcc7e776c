/** `waypost simulate` as it is asked for. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { message } from '../support/examples.ts'
import { gateway, waypost } from './running.ts'

const folder = mkdtempSync(join(tmpdir(), 'waypost-simulate-'))
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const present = file(
  'present.yaml',
  `store: "sqlite:${join(folder, 'none.db')}"
providers:
  dear: { adapter: postmark, serverToken: "\${SIMULATED_TOKEN_NOT_SET}", cost: { perThousand: 2 } }
  cheap: { adapter: smtp, host: relay.example, cost: { perThousand: 1 } }
routes:
  - { name: default, use: { first: [dear, cheap] } }
`,
)
const draft = file('draft.yaml', 'routes:\n  - { name: default, use: { first: [cheap, dear] } }\n')
const simulate = (...args: string[]) =>
  waypost([
    'simulate',
    '--config',
    present,
    '--policy',
    draft,
    '--messages',
    '1000',
    '--days',
    '1',
    '--runs',
    '1',
    ...args,
  ])

describe('waypost simulate', () => {
  it('tries rules alone, with secrets that are not set, and shows both policies, what that rests on, and how far it is', async () => {
    const progress: string[] = []
    const picture = join(folder, 'picture.svg')
    const args = ['--messages', '1000', '--days', '1', '--runs', '2', '--outage', 'dear@9h+1h', '--svg', picture]
    const { code, out, err } = await waypost(['simulate', '--config', present, '--policy', draft, ...args], {
      progress,
    })
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^1000 messages, .*, made up$/m)
    assert.match(out, /^Added: dear down, /m)
    assert.match(out, /^\tPRESENT\tDRAFT\tCHANGE$/m)
    assert.match(out, /^Cost\t(1\.\d\d|2\.00).*\t(0\.9\d|1\.0\d).*\t-0\.\d\d$/m)
    // How many are taken is the day's, their price is not.
    assert.match(out, /^Cost per 1,000 taken\t.*\t1\.0\d.*\t-0\.\d\d$/m)
    assert.match(out, /^Share of cheap\t.*\t9\d\.\d %.*\t\+\d\d\.\d %$/m)
    assert.match(out, /^ {2}The traffic is made up/m)
    assert.match(out, /^ {2}dear: nothing on record, so it is assumed/m)
    assert.match(out, /^ {2}The mean of 2 runs/m)
    assert.ok(progress.some((line) => line.includes('4000')))
    assert.equal(progress.at(-1), '')
    assert.match(readFileSync(picture, 'utf8'), /^<svg [\s\S]*<\/svg>\n$/)
  })

  it('writes the same JSON for the same seed, but for how long it took', async () => {
    const [one, other] = [await simulate('--json', '--seed', '7'), await simulate('--json', '--seed', '7')]
    const read = ({ out }: { out: string }) => ({ ...JSON.parse(out), took: null })
    assert.deepEqual(read(other), read(one))
    assert.equal(read(one).present.all.messages.mean, 1000)
  })

  it('shows beside it what happened, where that is on record', async (test) => {
    const at = Date.parse('2026-11-20T10:00:00Z')
    const attempt = { provider: 'dear', at, latencyMs: 90 }
    const outcome = { recipient: 0, outcome: 'accepted', cause: null, code: null }
    const recipients = [{ email: 'you@example.org', status: 'sent' }]
    const traffic = [
      {
        message: message({ acceptedAt: at, expireAt: at + 86_400_000 }),
        recipients,
        attempts: [{ ...attempt, outcomes: [outcome] }],
      },
    ]
    const { url } = await gateway(test, () => ({ body: { traffic, next: null } }))
    const args = ['simulate', '--config', present, '--policy', draft, '--url', url]
    const { code, out, err } = await waypost(args, { tty: true })
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^ +PRESENT +DRAFT +CHANGE +HAPPENED$/m)
    assert.match(out, /^Messages +1 +1 +- +-$/m)
    assert.match(out, /^Taken by dear +1 +0 +-1 +1$/m)
  })

  it('says what is wrong with what it was asked', async () => {
    for (const [args, code, why] of [
      [['--outage', 'dear@9h'], 2, /expected <provider>@<start>\+<duration>/],
      [['--outage', 'other@9h+1h'], 2, /there is no provider "other"; there are dear, cheap/],
      [['--outage', 'dear@9d+1h'], 2, /is not within the traffic/],
      [['--messages', '0'], 2, /Expected a number/],
      [['--policy', file('wrong.yaml', 'routes:\n  - { name: x, use: nobody }\n')], 1, /wrong\.yaml:2:\d+ .*nobody/],
      [['--policy', join(folder, 'missing.yaml')], 1, /missing\.yaml: there is no such file\. Name one with --policy/],
      [['--svg', join(folder, 'no', 'such', 'folder.svg')], 1, /cannot be written \(ENOENT\)/],
    ] as const) {
      const answer = await simulate(...args)
      assert.equal(answer.code, code, `${args.join(' ')}: ${answer.err}`)
      assert.match(answer.err, why)
    }
    const noRecord = await waypost(['simulate', '--config', present, '--policy', draft])
    assert.equal(noRecord.code, 1)
    assert.match(noRecord.err, /none\.db: there is no such file\. Make traffic up with --messages, or ask a gateway/)
  })
})
