import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapingInWords } from '../../src/config/sentences.ts'
import { accepted, refused } from './reading.ts'

const providers =
  'providers: { a: { adapter: inbox }, b: { adapter: inbox } }\nroutes: [{ name: all, use: { first: [a, b] } }]\n'
const rule = (text: string) => `${providers}shaping: [{ name: one, ${text} }]`

test('each provider gets the rules about its replies', async () => {
  const rules = `${providers}shaping:
  - { name: slower, when: { provider: b, deferrals: { share: 20% } }, slow: 50%, for: 2h }
  - { name: block, when: { host: [outlook, example.org], reply: S3140 }, suspend: [host, tenant], for: 3h }
`
  const config = await accepted(rules)
  const [a, b] = config.providers
  const block = {
    ...{ name: 'block', hosts: ['outlook', 'example.org'], when: { reply: 'S3140' } },
    ...{ does: { suspend: ['host', 'tenant'] }, for: 10_800_000 },
  }
  const slower = {
    ...{ name: 'slower', hosts: [], when: { share: 0.2, of: 100 } },
    ...{ does: { slow: 0.5 }, for: 7_200_000 },
  }
  assert.deepEqual(a!.shaping, [block])
  assert.deepEqual(b!.shaping, [slower, block])
  assert.deepEqual(shapingInWords(config), [
    {
      rule: 'block',
      does: 'When a reply of outlook or example.org to any provider has /S3140/ in it, it sends nothing of that tenant to that mailbox provider for 3h. The recipient is not suppressed.',
    },
    {
      rule: 'slower',
      does: 'When more than 20 % of the last 100 that b heard of a mailbox provider are deferrals or blocks, it sends there at 50 % of its pace for 2h.',
    },
  ])
})

test('what would do nothing, or cannot be meant, is an error', async () => {
  const cases: [text: string, expected: RegExp][] = [
    ['when: { reply: x }, suspend: [host]', /shaping\[0\].for: /],
    ['when: {}, suspend: [host], for: 1h', /shaping\[0\].when: expected just one of reply and deferrals/],
    ['when: { reply: x }, for: 1h', /shaping\[0\]: expected just one of slow and suspend/],
    ['when: { reply: x }, slow: 50%, for: 1h', /shaping\[0\].slow: one reply tells of no pace/],
    ['when: { deferrals: { share: 20% } }, suspend: [host, tenant], for: 1h', /suspend: deferrals are counted for all/],
    ['when: { reply: "(" }, suspend: [host], for: 1h', /when.reply: is not a regular expression of RE2/],
    ['when: { deferrals: { share: 100% } }, slow: 50%, for: 1h', /share: must be more than 0% and less than 100%/],
    ['when: { provider: aa, reply: x }, suspend: [host], for: 1h', /when.provider: there is no provider "aa"/],
    ['when: { host: outlok, reply: x }, suspend: [host], for: 1h', /when.host: .*did you mean "outlook"/],
    ['when: { reply: x, hosts: [a] }, suspend: [host], for: 1h', /hosts/],
  ]
  for (const [text, expected] of cases) assert.match((await refused(rule(text))).join('\n'), expected)
  const twice = `${providers}shaping:\n${'  - { name: one, when: { reply: x }, suspend: [host], for: 1h }\n'.repeat(2)}`
  assert.match((await refused(twice)).join('\n'), /shaping\[1\].name: another rule has this name/)
})
