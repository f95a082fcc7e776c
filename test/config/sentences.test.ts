import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inWords } from '../../src/config/sentences.ts'
import { accepted } from './reading.ts'

const providers =
  'providers: { a: { adapter: inbox, cost: { perThousand: 2 } }, b: { adapter: inbox, cost: { perThousand: 0.5 } }, c: { adapter: inbox, labels: [eu] } }\n'

test('says which budgets its mail is under', async () => {
  const budgets = 'budgets: { mine: { type: [otp, marketing], perDay: 3, provider: a }, all: { perMonth: 9 } }\n'
  const rules =
    'routes:\n  - { name: codes, when: { type: otp }, use: a }\n  - { name: rest, when: {type: transactional}, use: b }\n  - { name: all, use: b }'
  const [codes, rest] = inWords(await accepted(providers + budgets + rules))
  assert.match(
    codes!.otherwise,
    / Where a budget is spent, mail goes to whoever costs nothing, or waits: mine \(3 a day for type otp or marketing at a\); all \(9 a month for all mail\)\.$/,
  )
  assert.match(rest!.otherwise, /or waits: all \(9 a month for all mail\)\.$/)
})

async function words(when: string, use = 'a') {
  const rules = `routes:\n  - { name: one, when: ${when}, use: ${use} }\n  - { name: rest, use: { first: [a, b, c] } }`
  return inWords(await accepted(providers + rules))[0]!
}

test('says whom a rule matches', async () => {
  const cases: [when: string, words: string][] = [
    ['{ type: [otp, marketing], tag: x }', 'Mail of type otp or marketing and tagged "x".'],
    ['{ not: { tenant: acme } }', 'Mail not of tenant acme.'],
    [
      '{ any: [{ from.domain: x.org, size: { gt: 10MB } }, { attachments: { gt: 2 } }] }',
      'Mail (from the domain x.org and of more than 10 MB) or with more than 2 attachments.',
    ],
    ['{ hour: { gt: 21, zone: Europe/Berlin } }', 'Mail at 22:00 to 24:00 (in Europe/Berlin).'],
    [
      '{ any: [{ tries: { gt: 1 } }, { age: { gt: 10m } }] }',
      'Mail tried more than once or that waits for more than 10m.',
    ],
    ['{ day: [saturday, sunday] }', 'Mail on saturday or sunday (UTC).'],
    [
      '{ hour: { in: [3], zone: metadata.zone }, header.X-List: { glob: "n*" } }',
      'Mail at 03:00 to 04:00 (in the time zone that its metadata zone names) and whose header x-list is anything like "n*".',
    ],
    ['{ recipient.host: outlook, subject: Hi }', 'Mail to mailboxes at outlook and whose subject is "Hi".'],
  ]
  for (const [when, expected] of cases) assert.equal((await words(when)).matches, expected)
})

test('says who is tried, and why in this order', async () => {
  const tried = async (use: string) => (await words('{ type: otp }', use)).tried
  assert.equal(await tried('a'), 'It goes to a, and nowhere else.')
  assert.equal(await tried('{ first: [a, b, c] }'), 'It goes to a; where that cannot take it, to b; then to c.')
  assert.equal(
    await tried('{ best: { of: [a, b], by: cost } }'),
    'It goes to the cheapest of a (2 per 1,000) and b (0.5 per 1,000), then the next cheapest.',
  )
  assert.equal(
    await tried('{ best: { of: [a, b], by: cost, within: { deliverability: 1% } } }'),
    'It goes to the cheapest of a (2 per 1,000) and b (0.5 per 1,000), then the next cheapest (who delivers fewer by more than 1 in 100 than the best comes last).',
  )
  assert.equal(
    await tried('{ best: { of: [a, b], by: deliverability } }'),
    'It goes to the one of a and b that has the best share of its mail delivered, of late and at the mailbox host of the recipient, then the next best.',
  )
  assert.equal(
    await tried('{ best: { of: [a, b], by: balanced, weights: { cost: 2, latency: 1 } } }'),
    'It goes to the one of a and b that is best by a balance of cost (2) and speed (1), then the next best.',
  )
  assert.equal(
    await tried('{ adaptive: { of: [a, b] } }'),
    'It goes to the one of a and b that is found to deliver best, but 5 % to any of them, to see how it does, then the others.',
  )
  assert.equal(
    await tried('{ move: { from: a, to: b, over: 14d, start: 2026-12-01 } }'),
    'It goes to a, and step by step to b instead (5 %, 25 %, 50 % and 100 % of mail over 14d from 2026-12-01T00:00:00.000Z on, all mail of one recipient at once; held while more than 0.1 % of its mail is complained of, or it is deferred more than 2 times as often; held for 2d, or when that is 2 times as bad, all goes back), then the other.',
  )
  assert.equal(
    await tried('{ first: [{ split: { a: 70, b: 30 } }, c] }'),
    'It goes to one of a (70 %) and b (30 %) by its share, always the same for one recipient, then the others; where that cannot take it, to c.',
  )
})

test('says what becomes of mail that nobody can take', async () => {
  assert.equal(
    (await words('{ type: [otp, marketing] }')).otherwise,
    'When it cannot take it now, mail waits and is tried again: otp for 10m; marketing for 3d. Mail whose answer is lost: otp sent again elsewhere, perhaps twice; marketing held until an operator decides.',
  )
})

test('says when a type is not sent', async () => {
  const types = 'types: { news: { quiet: { from: "22:00", to: "07:30", zone: [metadata.zone, Asia/Tokyo] } } }\n'
  const rules =
    'routes:\n  - { name: one, when: { type: [otp, news] }, use: a }\n  - { name: rest, use: { first: [a, b, c] } }'
  assert.match(
    inWords(await accepted(types + providers + rules))[0]!.otherwise,
    / Not sent at all hours: news waits from 22:00 to 07:30 \(in the time zone that its metadata zone names, else in Asia\/Tokyo\)\.$/,
  )
})

test('says what a type needs', async () => {
  const rules =
    'routes:\n  - { name: one, when: { type: news }, use: a }\n  - { name: rest, use: { first: [a, b, c] } }'
  assert.match(
    inWords(await accepted(`types: { news: { needs: [tags, metadata] } }\n${providers}${rules}`))[0]!.otherwise,
    / Only providers that carry all of these: news tags and metadata\.$/,
  )
})

test('says that a rule never matches', async () => {
  const text = `${providers}routes:\n  - { name: one, when: { type: otp }, use: a }\n  - { name: two, when: { type: otp, tag: x }, use: b }\n  - { name: rest, use: { first: [a, b, c] } }`
  assert.deepEqual(inWords(await accepted(text))[1], {
    rule: 'two',
    matches:
      'Mail of type otp and tagged "x", where no rule before this one matches. Nothing is left for it: it never matches.',
    tried: 'It goes to b, and nowhere else.',
    otherwise: 'No type of mail comes here.',
  })
})
