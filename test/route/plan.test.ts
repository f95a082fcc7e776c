import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RE2JS } from 're2js'
import type { Message } from '../../src/mail/message.ts'
import { compilePolicy } from '../../src/route/match.ts'
import { type PlanInput, plan, type Standing } from '../../src/route/plan.ts'
import type { Rule, Test } from '../../src/route/policy.ts'
import { message, provider } from '../support/examples.ts'

const engine = (source: string) => {
  const pattern = RE2JS.compile(source)
  return (text: string) => pattern.test(text)
}

const now = 1_000_000

function standing(name: string, changes: Partial<Standing> & Parameters<typeof provider>[1] = {}): [string, Standing] {
  const { closed, sick, share, probing, latencyMs, success, costPerThousand, ...settings } = changes
  return [
    name,
    {
      provider: provider(name, settings),
      costPerThousand: costPerThousand ?? 1,
      latencyMs: latencyMs ?? null,
      success: success ?? null,
      probing: probing ?? false,
      ...(closed ? { closed } : {}),
      ...(sick ? { sick } : {}),
      ...(share === undefined ? {} : { share }),
    },
  ]
}

function planned(
  rules: Rule[],
  standings: [string, Standing][],
  changes: Partial<Message> = {},
  more: Partial<PlanInput> = {},
) {
  return plan({
    policy: compilePolicy({ version: 'v1', rules }, engine),
    facts: { message: message(changes), recipient: 'bob@example.org', host: null, tries: 0, now: 12 * 3_600_000 },
    demands: [],
    avoid: new Map(),
    standing: new Map(standings),
    now,
    ...more,
  })
}

const names = (result: { candidates: { provider: string }[] }) => result.candidates.map(({ provider }) => provider)
const first = (...providers: string[]): Rule[] => [
  { name: 'default', when: null, use: { first: providers.map((provider) => ({ provider })) } },
]

test('the first rule that matches decides, and the plan names it', () => {
  const rules: Rule[] = [
    { name: 'codes', when: { fields: { type: { is: 'otp' } } }, use: { provider: 'b' } },
    ...first('a'),
  ]
  const both = [standing('a'), standing('b')]
  assert.deepEqual(
    [planned(rules, both, { type: 'otp' }).route, names(planned(rules, both, { type: 'otp' }))],
    ['codes', ['b']],
  )
  assert.deepEqual([planned(rules, both).route, names(planned(rules, both))], ['default', ['a']])
  assert.equal(planned(rules, both).policy, 'v1')
})

test('an open breaker passes over to the next, with the reason', () => {
  const result = planned(first('a', 'b'), [
    standing('a', { closed: { reason: 'its breaker is open', until: now + 5 } }),
    standing('b'),
  ])
  assert.deepEqual(names(result), ['b'])
  assert.deepEqual(result.rejected, [{ provider: 'a', reason: 'its breaker is open' }])
})

test('with all closed it says when the first opens again', () => {
  const result = planned(first('a', 'b'), [
    standing('a', { closed: { reason: 'open', until: now + 9_000 } }),
    standing('b', { closed: { reason: 'open', until: now + 4_000 } }),
  ])
  assert.deepEqual(names(result), [])
  assert.equal(result.waitUntil, now + 4_000)
})

test('who can never take it is not waited for', () => {
  const shut = { reason: 'open', until: now + 9_000 }
  const result = planned(
    first('small', 'other tenant', 'took it', 'later', 'drained'),
    [
      standing('small', { closed: shut, features: { maxBytes: 10 } }),
      standing('other tenant', { closed: shut, tenants: ['somebody'] }),
      standing('took it', { closed: shut }),
      standing('later', { closed: shut }),
      standing('drained', { closed: { reason: 'drained', until: null } }),
    ],
    {},
    { avoid: new Map([['took it', 'took it already']]) },
  )
  assert.equal(result.rejected.length, 5)
  assert.deepEqual(result.later, ['later', 'drained'])
})

test('with none that could ever take it there is nothing to wait for', () => {
  const result = planned(first('a'), [standing('a', { features: { maxBytes: 10 } })])
  assert.equal(result.waitUntil, null)
  assert.match(result.rejected[0]!.reason, /takes 10 bytes at most, the message has 1000/)
})

test('tags and metadata are wishes: what a vendor cannot carry of them is left out, and the plan says so', () => {
  const poor = standing('a', { features: { maxTags: 1, metadata: false } })
  const none = standing('b', { features: { maxTags: 0 } })
  const result = planned(first('a', 'b'), [poor, none], { tags: ['x', 'y', 'z'], metadata: { order: '17' } })
  assert.deepEqual(names(result), ['a', 'b'])
  assert.equal(result.candidates[0]!.reasons.at(-1), 'leaves out 2 of 3 tags and metadata, which it cannot carry')
  assert.equal(result.candidates[1]!.reasons.at(-1), 'leaves out tags, which it cannot carry')
})

test('what the type needs is no wish: who cannot carry all of it is out', () => {
  const poor = standing('a', { features: { maxTags: 1, metadata: false } })
  const rich = standing('b', { features: { maxTags: 2 } })
  const out = (changes: Partial<Message>, ...needs: ('tags' | 'metadata')[]) =>
    planned(first('a', 'b'), [poor, rich], changes, { needs }).rejected
  assert.deepEqual(out({ tags: ['x', 'y'] }, 'tags'), [
    { provider: 'a', reason: 'carries 1 of 2 tags, and type transactional needs all of them' },
  ])
  assert.deepEqual(out({ tags: ['x'], metadata: { order: '17' } }, 'tags'), [])
  assert.deepEqual(out({ metadata: { order: '17' } }, 'metadata'), [
    { provider: 'a', reason: 'carries no metadata, which type transactional needs' },
  ])
  assert.deepEqual(out({ tags: ['x', 'y'] }, 'metadata'), [])
})

test('what one vendor cannot carry rules out that vendor only', () => {
  const cases: [string, Partial<Message>, Parameters<typeof provider>[1], RegExp][] = [
    ['Cc', { cc: 1 }, { features: { cc: false } }, /nobody in Cc/],
    ['Reply-To', { replyTo: 2 }, { features: { maxReplyTo: 1 } }, /takes 1 address in Reply-To, .* has 2/],
    ['attachments', { attachments: 1 }, { features: { attachments: false } }, /no attachments/],
    ['inline parts', { inline: 1 }, { features: { inline: false } }, /no inline parts/],
    ['raw only', { rawOnly: true, form: 'raw' }, { features: { forms: ['parts'] } }, /no raw MIME/],
    [
      'refused header',
      { headers: [['X-SG-ID', '1']] },
      { features: { headersRefused: ['x-sg-id'] } },
      /refuses the header X-SG-ID/,
    ],
    ['null reverse-path', { returnPath: '' }, { features: { returnPath: 'fixed' } }, /null reverse-path/],
    ['SMTPUTF8', { from: { email: 'ü@example.com' } }, { features: { smtpUtf8: false } }, /beyond ASCII/],
  ]
  for (const [name, changes, settings, reason] of cases) {
    const result = planned(first('a', 'b'), [standing('a', settings), standing('b')], changes)
    assert.deepEqual(names(result), ['b'], name)
    assert.match(result.rejected[0]!.reason, reason, name)
  }
})

test('a header that structure or transport wrote is no reason against a JSON vendor', () => {
  const changes: Partial<Message> = {
    form: 'raw',
    headers: [
      ['Received', 'from x'],
      ['Content-Type', 'text/plain'],
    ],
  }
  const result = planned(
    first('a'),
    [standing('a', { features: { forms: ['parts'], headersRefused: ['received', 'content-type'] } })],
    changes,
  )
  assert.deepEqual(names(result), ['a'])
})

test('labels that are demanded are a wall, and it says who demands them', () => {
  const demands = [
    { by: 'type invoice', labels: ['eu'] },
    { by: 'tenant acme', labels: ['eu', 'audited'] },
  ]
  const standings = [standing('a'), standing('b', { labels: ['eu'] }), standing('c', { labels: ['eu', 'audited'] })]
  const result = planned(first('a', 'b', 'c'), standings, {}, { demands })
  assert.deepEqual(names(result), ['c'])
  assert.deepEqual(
    result.rejected.map(({ reason }) => reason),
    ['lacks the label eu that type invoice asks for', 'lacks the label audited that tenant acme asks for'],
  )
})

test("a tenant's own account carries nobody else's mail, and names no tenant to others", () => {
  const both = [standing('a', { tenants: ['acme'] }), standing('b')]
  assert.deepEqual(names(planned(first('a', 'b'), both, { tenant: 'acme' })), ['a', 'b'])
  const result = planned(first('a', 'b'), both, { tenant: 'globex' })
  assert.deepEqual(names(result), ['b'])
  assert.deepEqual(result.rejected, [{ provider: 'a', reason: "is another tenant's own account" }])
})

test('an account carries mail from the domains that it is set up for', () => {
  const both = [standing('a', { domains: ['example.com', '*.example.net'] }), standing('b')]
  const from = (email: string) => names(planned(first('a', 'b'), both, { from: { email } }))
  assert.deepEqual(from('ann@example.com'), ['a', 'b'])
  assert.deepEqual(from('ann@news.example.net'), ['a', 'b'])
  for (const other of ['ann@news.example.com', 'ann@example.net', 'ann@notexample.net', 'ann@notexample.com']) {
    assert.deepEqual(from(other), ['b'], other)
  }
})

test('a pinned provider is the only candidate, and no wall lets it through', () => {
  assert.deepEqual(names(planned(first('a'), [standing('a'), standing('b')], { provider: 'b' })), ['b'])
  assert.deepEqual(
    names(planned(first('a'), [standing('a'), standing('b', { features: { maxBytes: 1 } })], { provider: 'b' })),
    [],
  )
})

test('a provider whose answer never came is not used again, and says why', () => {
  const result = planned(
    first('a', 'b'),
    [standing('a'), standing('b')],
    {},
    { avoid: new Map([['a', 'may have taken it already']]) },
  )
  assert.deepEqual(names(result), ['b'])
  assert.deepEqual(result.rejected, [{ provider: 'a', reason: 'may have taken it already' }])
})

test('a half-open provider gets its probe from mail that can wait, a code tries it last', () => {
  const both = [standing('a', { probing: true }), standing('b')]
  assert.deepEqual(names(planned(first('a', 'b'), both)), ['a', 'b'])
  assert.deepEqual(names(planned(first('a', 'b'), both, { priority: 'high' })), ['b', 'a'])
})

const ill = {
  say: 'shut',
  until: now + 60_000,
  words: 'sick at outlook: 14 of 20 deferred or blocked of late',
} as const

test('a provider that is sick at the recipient’s host is passed over there', () => {
  const result = planned(first('a', 'b'), [standing('a', { sick: ill }), standing('b')])
  assert.deepEqual(names(result), ['b'])
  assert.deepEqual(result.rejected, [{ provider: 'a', reason: ill.words }])
  assert.equal(result.lastResort, false)
})

test('with all sick there, the best of them alone takes it', () => {
  const result = planned(first('a', 'b'), [
    standing('a', { sick: ill, success: 0.1 }),
    standing('b', { sick: ill, success: 0.3 }),
  ])
  assert.deepEqual(names(result), ['b'])
  assert.equal(result.lastResort, true)
  assert.deepEqual(
    result.candidates[0]!.reasons.at(-1),
    `nobody else is left, and it is better than none: ${ill.words}`,
  )
  assert.deepEqual(result.rejected, [{ provider: 'a', reason: ill.words }])
})

test('a host’s probe is mail that can wait, a code goes there last', () => {
  const both = [standing('a', { sick: { ...ill, say: 'probe' } }), standing('b')]
  const result = planned(first('a', 'b'), both)
  assert.deepEqual(names(result), ['a', 'b'])
  assert.match(result.candidates[0]!.reasons.at(-1)!, /^as the probe: sick at outlook/)
  assert.deepEqual(names(planned(first('a', 'b'), both, { priority: 'high' })), ['b', 'a'])
})

test('while mail comes back, those outside the share go behind the others, always the same ones, and stay where nobody else is', () => {
  const both = [standing('a', { share: 0.25 }), standing('b')]
  const ids = Array.from({ length: 2_000 }, (_, number) => `msg_${number}`)
  const back = ids.filter((id) => names(planned(first('a', 'b'), both, { id }))[0] === 'a')
  // Three standard deviations of a binomial draw of 2,000.
  assert.ok(Math.abs(back.length - 500) < 58, `${back.length} of 2,000`)
  const more = [standing('a', { share: 0.5 }), standing('b')]
  assert.ok(back.every((id) => names(planned(first('a', 'b'), more, { id }))[0] === 'a'))
  const other = ids.find((id) => !back.includes(id))!
  const behind = planned(first('a', 'b'), both, { id: other })
  assert.deepEqual(names(behind), ['b', 'a'])
  assert.equal(behind.candidates[1]!.reasons.at(-1), 'behind the others: comes back slowly, 25 % of mail')
  assert.deepEqual(names(planned(first('a'), both, { id: other })), ['a'])
})

test('none is worse than one whose breaker is open and which was good of late', () => {
  const shut = (lastResort?: number, until = now + 60_000) => ({
    closed: { reason: 'its breaker is open', until, ...(lastResort === undefined ? {} : { lastResort }) },
  })
  const result = planned(first('a', 'b', 'c'), [
    standing('a', shut(0.3)),
    standing('b', shut(0.6)),
    standing('c', shut()),
  ])
  assert.deepEqual([names(result), result.lastResort], [['b'], true])
  assert.match(result.candidates[0]!.reasons.at(-1)!, /^nobody else is left.*its breaker is open/)
  assert.deepEqual(
    result.rejected.map(({ provider }) => provider),
    ['a', 'c'],
  )
  const dead = planned(first('a', 'c'), [standing('a', shut()), standing('c', shut())])
  assert.deepEqual([names(dead), dead.waitUntil], [[], now + 60_000])
  const soon = planned(first('a', 'b'), [standing('a', shut(0.6)), standing('b', shut(undefined, now + 5_000))])
  assert.deepEqual([names(soon), soon.waitUntil], [[], now + 5_000])
  const unfit = planned(first('a'), [standing('a', { ...shut(0.9), features: { maxBytes: 1 } })])
  assert.deepEqual(names(unfit), [])
})

test('best by cost, latency and health, with the figure as reason', () => {
  const standings = [
    standing('a', { costPerThousand: 3, latencyMs: 50, success: 0.5 }),
    standing('b', { costPerThousand: 1, latencyMs: 90, success: 0.99 }),
    standing('c', { costPerThousand: 2, latencyMs: 10, success: 0.9 }),
  ]
  const best = (by: 'cost' | 'latency' | 'health'): Rule[] => [
    { name: 'default', when: null, use: { best: { of: ['a', 'b', 'c'].map((provider) => ({ provider })), by } } },
  ]
  assert.deepEqual(names(planned(best('cost'), standings)), ['b', 'c', 'a'])
  assert.deepEqual(names(planned(best('latency'), standings)), ['c', 'a', 'b'])
  assert.deepEqual(names(planned(best('health'), standings)), ['b', 'c', 'a'])
  assert.deepEqual(planned(best('cost'), standings).candidates[0]!.reasons, ['costs 1 per 1,000'])
})

test('a split follows its weights, sticks to the recipient, and taking a provider away moves only its own', () => {
  const split = (weights: Record<string, number>): Rule[] => [
    { name: 'default', when: null, use: { split: { weights, sticky: 'recipient' } } },
  ]
  const pick = (weights: Record<string, number>, recipient: string) =>
    names(
      planned(
        split(weights),
        Object.keys(weights).map((name) => standing(name)),
        {},
        {
          facts: { message: message(), recipient, host: null, tries: 0, now: 0 },
        },
      ),
    )[0]!
  const people = Array.from({ length: 4_000 }, (_, number) => `person${number}@example.org`)
  const count: Record<string, number> = { a: 0, b: 0, c: 0 }
  for (const person of people) {
    const chosen = pick({ a: 70, b: 20, c: 10 }, person)
    count[chosen] = count[chosen]! + 1
    assert.equal(pick({ a: 70, b: 20, c: 10 }, person), chosen)
    const without = pick({ a: 70, b: 20 }, person)
    if (chosen !== 'c') assert.equal(without, chosen)
  }
  // Three standard deviations of a binomial draw of 4,000.
  assert.ok(Math.abs(count.a! - 2_800) < 87, `a got ${count.a}`)
  assert.ok(Math.abs(count.b! - 800) < 76, `b got ${count.b}`)
  assert.ok(Math.abs(count.c! - 400) < 57, `c got ${count.c}`)
})

test('conditions: fields, lists, globs, linear-time patterns, comparisons, all, any, not', () => {
  const matches = (when: Rule['when'], changes: Partial<Message> = {}, host: string | null = null) => {
    const [rule] = compilePolicy({ version: '', rules: [{ name: 'r', when, use: { provider: 'a' } }] }, engine).rules
    return rule!.matches({
      message: message(changes),
      recipient: 'Bob@Example.org'.replace('Example', 'example'),
      host,
      tries: 0,
      // A Thursday, 23:00 UTC.
      now: Date.UTC(2026, 10, 26, 23),
    })
  }
  assert.ok(matches({ fields: { 'recipient.domain': { in: ['EXAMPLE.org', 'x.test'] } } }))
  assert.ok(matches({ fields: { recipient: { is: 'bob@example.org' } } }))
  assert.ok(matches({ fields: { 'from.domain': { glob: '*.com' } } }))
  assert.ok(!matches({ fields: { 'from.domain': { glob: 'e?.com' } } }))
  const glob = (glob: string, subject: string) => matches({ fields: { subject: { glob } } }, { subject })
  assert.ok(['a*c', 'a*b*c', '*', '**', 'abc', '*b*', 'a*', 'a?c', '?*'].every((one) => glob(one, 'abc')))
  assert.ok(['a*b', 'ab', 'a*bc*c', 'abc*c', '*c*b*', 'ABC', 'a.c', ''].every((one) => !glob(one, 'abc')))
  assert.ok(matches({ fields: { subject: { regex: '^Hel+o$' } } }))
  assert.ok(!matches({ fields: { subject: { regex: '(a+)+$' } } }, { subject: `${'a'.repeat(5_000)}!` }))
  assert.ok(matches({ fields: { size: { gt: 999, lt: 1_001 } } }))
  assert.ok(matches({ fields: { tag: { is: 'b' } } }, { tags: ['a', 'b'] }))
  assert.ok(matches({ fields: { 'header.x-list': { is: 'News' } } }, { headers: [['X-List', 'News']] }))
  assert.ok(matches({ fields: { 'metadata.plan': { is: 'pro' } } }, { metadata: { plan: 'pro' } }))
  assert.ok(!matches({ fields: { 'metadata.constructor': { glob: '*' } } }))
  assert.ok(matches({ fields: { hour: { gt: 21 } } }))
  assert.ok(matches({ fields: { 'recipient.host': { is: 'gmail' } } }, {}, 'gmail'))
  assert.ok(!matches({ fields: { 'recipient.host': { is: 'gmail' } } }))
  assert.ok(
    matches({ all: [{ fields: { type: { is: 'transactional' } } }, { not: { fields: { tag: { is: 'x' } } } }] }),
  )
  assert.ok(matches({ any: [{ fields: { type: { is: 'otp' } } }, { fields: { subject: { is: 'Hello' } } }] }))
})

test('the hour and the day are UTC, or those of a zone, or of the zone that the message names', () => {
  const matches = (when: Rule['when'], now: number, metadata: Record<string, string> = {}) => {
    const [rule] = compilePolicy({ version: '', rules: [{ name: 'r', when, use: { provider: 'a' } }] }, engine).rules
    return rule!.matches({ message: message({ metadata }), recipient: 'bob@example.org', host: null, tries: 0, now })
  }
  const night = { in: [22, 23, 0, 1, 2, 3, 4, 5, 6] }
  const summer = Date.UTC(2026, 6, 4, 21)
  const winter = Date.UTC(2026, 11, 5, 21)
  const berlin = { fields: { hour: { ...night, zone: 'Europe/Berlin' } } }
  assert.ok(!matches({ fields: { hour: night } }, summer))
  assert.ok(matches(berlin, summer), '23:00 in Berlin, by summer time')
  assert.ok(matches(berlin, winter), '22:00 in Berlin')
  assert.ok(!matches(berlin, winter - 1), '21:59:59 in Berlin')
  assert.ok(matches(berlin, Date.UTC(2026, 6, 5, 4, 59)))
  assert.ok(!matches(berlin, Date.UTC(2026, 6, 5, 5)))

  assert.ok(matches({ fields: { day: { in: ['saturday', 'sunday'] } } }, summer), 'a Saturday')
  assert.ok(matches({ fields: { day: { is: 'sunday', zone: 'Asia/Kathmandu' } } }, summer), '02:45 on Sunday there')
  assert.ok(!matches({ fields: { day: { is: 'sunday', zone: 'Asia/Kathmandu' } } }, Date.UTC(2026, 6, 4, 18, 14)))
  assert.ok(matches({ fields: { day: { is: 'sunday', zone: 'Asia/Kathmandu' } } }, Date.UTC(2026, 6, 4, 18, 15)))

  const theirs = { fields: { hour: { ...night, zone: 'metadata.zone' } } }
  assert.ok(matches(theirs, summer, { zone: 'Europe/Berlin' }))
  assert.ok(!matches(theirs, summer, { zone: 'America/New_York' }))
  assert.ok(!matches(theirs, summer), 'no zone is no hour')
  assert.ok(!matches(theirs, summer, { zone: 'Mars/Olympus' }))
})

test('every field is read, by every test that it has', () => {
  const mail = message({
    ...{ type: 'news', tags: ['a', 'b'], tenant: 'acme', from: { email: 'ann@example.com' }, subject: 'Hello' },
    ...{
      size: 5_000,
      attachments: 2,
      headers: [
        ['X-Kind', 'one'],
        ['x-kind', 'two'],
      ],
      metadata: { Plan: 'pro' },
    },
  })
  // A Thursday, noon.
  const noon = Date.UTC(2026, 10, 26, 12)
  mail.acceptedAt = noon - 600_000
  const facts = { message: mail, recipient: 'bob@mail.example.org', host: 'gmail', tries: 3, now: noon }
  const holds = (field: string, test: Test) => {
    const rules = [{ name: 'r', when: { fields: { [field]: test } }, use: { provider: 'a' } }]
    return compilePolicy({ version: '', rules }, engine).rules[0]!.matches(facts)
  }
  const texts: [field: string, value: string, glob: string, regex: string][] = [
    ['type', 'news', 'n*', '^ne'],
    ['tag', 'b', '?', 'b$'],
    ['tenant', 'acme', 'ac*', 'cme'],
    ['from', 'ann@example.com', 'ann@*', '^ann@'],
    ['from.domain', 'example.com', '*.com', 'com$'],
    ['recipient', 'bob@mail.example.org', '*.org', '^bob'],
    ['recipient.domain', 'mail.example.org', '*.example.org', 'mail'],
    ['recipient.host', 'gmail', 'g*', 'mail'],
    ['subject', 'Hello', 'H*o', '(?i)hello'],
    ['header.x-kind', 'two', 't*', 'wo'],
    ['metadata.Plan', 'pro', 'p?o', 'r'],
    ['day', 'thursday', 't*', 'day$'],
  ]
  for (const [field, value, glob, regex] of texts) {
    const yes: Test[] = [{ is: value }, { in: ['other', value] }, { glob }, { regex }]
    const no: Test[] = [{ is: 'other' }, { in: ['other', 'another'] }, { glob: 'z*' }, { regex: '^zz' }]
    for (const test of yes) assert.ok(holds(field, test), `${field} ${JSON.stringify(test)}`)
    for (const test of no) assert.ok(!holds(field, test), `${field} ${JSON.stringify(test)}`)
  }
  for (const [field, value] of [
    ['size', 5_000],
    ['attachments', 2],
    ['hour', 12],
    ['tries', 3],
    ['age', 600_000],
  ] as const) {
    const yes: Test[] = [
      { is: value },
      { in: [0, value] },
      { gt: value - 1 },
      { lt: value + 1 },
      { gt: value - 1, lt: value + 1 },
    ]
    const no: Test[] = [{ is: value + 1 }, { in: [0] }, { gt: value }, { lt: value }]
    for (const test of yes) assert.ok(holds(field, test), `${field} ${JSON.stringify(test)}`)
    for (const test of no) assert.ok(!holds(field, test), `${field} ${JSON.stringify(test)}`)
  }
})

test('a rule for one tenant is for that tenant alone', () => {
  const rules: Rule[] = [
    { name: 'client-a', when: { fields: { tenant: { is: 'client-a' } } }, use: { provider: 'b' } },
    { name: 'default', when: null, use: { provider: 'a' } },
  ]
  const both = [standing('a'), standing('b')]
  const route = (tenant: string) => {
    const answer = planned(rules, both, { tenant })
    return [answer.route, ...names(answer)]
  }
  assert.deepEqual(route('client-a'), ['client-a', 'b'])
  assert.deepEqual(route('client-ab'), ['default', 'a'])
})
