import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adapters as real } from '../../adapters/index.ts'
import { accepted, refused, warned } from './reading.ts'

const providers = 'providers: { a: { adapter: inbox }, b: { adapter: inbox }, c: { adapter: inbox } }\nroutes:\n'
const last = '\n  - { name: rest, use: { first: [a, b, c] } }'

const rules = async (text: string) => (await accepted(providers + text)).policy.rules
const when = async (text: string) => (await rules(`  - { name: one, when: ${text}, use: a }${last}`))[0]?.when
const use = async (text: string) => (await rules(`  - { name: one, use: ${text} }`))[0]?.use
const noWhen = (text: string) => refused(`${providers}  - { name: one, when: ${text}, use: a }${last}`)
const noUse = (text: string) => refused(`${providers}  - { name: one, use: ${text} }`)

describe('when', () => {
  it('reads a value, a list and each test', async () => {
    assert.deepEqual(await when('{ type: otp }'), { fields: { type: { is: 'otp' } } })
    assert.deepEqual(await when('{ tag: [x, 7] }'), { fields: { tag: { in: ['x', '7'] } } })
    assert.deepEqual(await when('{ subject: { in: [x] } }'), { fields: { subject: { in: ['x'] } } })
    assert.deepEqual(await when('{ subject: { glob: "*x" } }'), { fields: { subject: { glob: '*x' } } })
    assert.deepEqual(await when('{ subject: { regex: "^x+$" } }'), { fields: { subject: { regex: '^x+$' } } })
    assert.deepEqual(await when('{ hour: { gt: 8, lt: 20 } }'), { fields: { hour: { gt: 8, lt: 20 } } })
    assert.deepEqual(await when('{ size: { gt: 10MB }, attachments: 2 }'), {
      fields: { size: { gt: 10 * 1024 * 1024 }, attachments: { is: 2 } },
    })
  })

  it('takes addresses, domains and header names in their canonical form', async () => {
    assert.deepEqual(
      await when('{ recipient.domain: Exämple.COM, from: Ann@EXAMPLE.com, header.X-Kind: News, metadata.Kind: 7 }'),
      {
        fields: {
          'recipient.domain': { is: 'xn--exmple-cua.com' },
          from: { is: 'Ann@example.com' },
          'header.x-kind': { is: 'News' },
          'metadata.Kind': { is: '7' },
        },
      },
    )
  })

  it('takes tries and ages', async () => {
    assert.deepEqual(await when('{ any: [{ tries: { gt: 1 } }, { age: { gt: 10m, lt: 1h } }] }'), {
      any: [{ fields: { tries: { gt: 1 } } }, { fields: { age: { gt: 600_000, lt: 3_600_000 } } }],
    })
  })

  it('takes hours and days of a zone', async () => {
    assert.deepEqual(await when('{ hour: { in: [22, 23], zone: Europe/Berlin }, day: Sunday }'), {
      fields: { hour: { in: [22, 23], zone: 'Europe/Berlin' }, day: { is: 'sunday' } },
    })
    assert.deepEqual(await when('{ hour: { gt: 21, zone: metadata.zone } }'), {
      fields: { hour: { gt: 21, zone: 'metadata.zone' } },
    })
  })

  it('nests all, any and not, and asks for all keys of one mapping', async () => {
    assert.deepEqual(await when('{ all: [{ type: otp }, { not: { tag: x } }, { any: [{ tag: y }, { tag: z }] }] }'), {
      all: [
        { fields: { type: { is: 'otp' } } },
        { not: { fields: { tag: { is: 'x' } } } },
        { any: [{ fields: { tag: { is: 'y' } } }, { fields: { tag: { is: 'z' } } }] },
      ],
    })
    assert.deepEqual(await when('{ type: otp, tag: x, not: { tenant: acme } }'), {
      all: [{ fields: { type: { is: 'otp' }, tag: { is: 'x' } } }, { not: { fields: { tenant: { is: 'acme' } } } }],
    })
  })

  const wrong: [text: string, problem: RegExp][] = [
    [
      '{ recipient.domian: x.com }',
      /^3:26 routes\[0\].when.recipient.domian: unknown key .*did you mean "recipient.domain"/,
    ],
    ['{ header.: x }', /^3:26 .*unknown key "header\."/],
    ['{}', /^3:24 routes\[0\].when: is empty; leave "when" out/],
    ['{ all: [] }', /^3:31 routes\[0\].when.all: must have at least one entry/],
    ['{ all: [{ not: { typ: otp } }] }', /^3:41 routes\[0\].when.all\[0\].not.typ: unknown key "typ"/],
    ['{ type: [otp, opt] }', /^3:38 routes\[0\].when.type\[1\]: there is no type "opt" \(did you mean "otp"\?\)/],
    ['{ any: [{ type: { in: [nope] } }] }', /^3:47 routes\[0\].when.any\[0\].type.in\[0\]: there is no type "nope"/],
    ['{ subject: { regex: "(a" } }', /^3:44 routes\[0\].when.subject.regex: is not a regular expression of RE2/],
    ['{ subject: { regex: "(a)\\\\1" } }', /when.subject.regex: is not a regular expression of RE2/],
    ['{ subject: { gt: 5 } }', /^3:35 routes\[0\].when.subject: subject is text/],
    ['{ header.x: { gt: 5 } }', /header.x is text/],
    ['{ size: { glob: "1*" } }', /when.size.glob: size is a number/],
    ['{ size: { gt: 5, lt: 5 } }', /never matches/],
    ['{ size: big }', /^3:32 routes\[0\].when.size: expected bytes, or a size/],
    ['{ recipient.host: [gmail, gmial] }', /when.recipient.host\[1\]: there is no mailbox host of this name/],
    ['{ hour: 24 }', /an hour is 0 to 23/],
    ['{ age: 10m }', /no mail is just that old: use gt or lt/],
    ['{ age: { gt: 600 } }', /when.age.gt: expected a duration with its unit: 30s, 10m or 1h/],
    ['{ tries: { gt: 1h } }', /when.tries.gt: expected a number/],
    ['{ hour: { in: [1], zone: Europe/Berlyn } }', /^3:49 routes\[0\].when.hour.zone: is no time zone/],
    ['{ hour: { zone: UTC } }', /expected just one of in, glob and regex/],
    ['{ subject: { in: [x], zone: UTC } }', /only hour and day have a zone/],
    ['{ day: sonday }', /^3:31 routes\[0\].when.day: expected one of .*did you mean "sunday"/],
    ['{ day: { glob: "s*" } }', /a day is one of seven words/],
    ['{ day: { gt: 3 } }', /day is text/],
    ['{ subject: { glob: x, regex: y } }', /expected just one of in, glob and regex/],
    ['{ subject: {} }', /expected just one of in, glob and regex/],
    ['{ subject: { globb: x } }', /when.subject.globb: unknown key "globb" \(did you mean "glob"\?\)/],
    [
      '{ tag: true }',
      /^3:31 routes\[0\].when.tag: expected text or a number or a list or a mapping, found true or false/,
    ],
    ['{ recipient: ann }', /^3:37 routes\[0\].when.recipient: /],
    ['{ from.domain: ann@example.com }', /expected a domain, not an address/],
    ['[{ type: otp }]', /^3:24 routes\[0\].when: expected a mapping, found a list/],
  ]
  for (const [text, problem] of wrong) {
    it(`refuses ${text}`, async () => {
      const problems = await noWhen(text)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', problem)
    })
  }
})

describe('use', () => {
  it('reads names, lists, rankings and shares, one in the other', async () => {
    assert.deepEqual(await use('a'), { provider: 'a' })
    assert.deepEqual(await use('{ first: [a, { best: { of: [b, c], by: latency } }] }'), {
      first: [{ provider: 'a' }, { best: { of: [{ provider: 'b' }, { provider: 'c' }], by: 'latency' } }],
    })
    assert.deepEqual(await use('{ best: { of: [a, b], by: cost, within: { deliverability: 1% } } }'), {
      best: { of: [{ provider: 'a' }, { provider: 'b' }], by: 'cost', within: { deliverability: 0.01 } },
    })
    assert.deepEqual(await use('{ best: { of: [a, b], by: balanced, weights: { cost: 2, deliverability: 3 } } }'), {
      best: { of: [{ provider: 'a' }, { provider: 'b' }], by: 'balanced', weights: { cost: 2, deliverability: 3 } },
    })
    assert.deepEqual(await use('{ adaptive: { of: [a, { first: [b, c] }] } }'), {
      adaptive: { of: [{ provider: 'a' }, { first: [{ provider: 'b' }, { provider: 'c' }] }], explore: 0.05 },
    })
    const move = { from: { provider: 'a' }, to: { first: [{ provider: 'b' }, { provider: 'c' }] } }
    assert.deepEqual(await use('{ move: { from: a, to: { first: [b, c] }, over: 14d } }'), {
      move: {
        ...{ ...move, over: 14 * 86_400_000, start: null, steps: [0.05, 0.25, 0.5, 1], sticky: 'recipient' },
        ...{ hold: { complaints: 0.001, deferrals: 2 }, revert: { after: 2 * 86_400_000, beyond: 2 } },
      },
    })
    const start = async (at: string) => {
      const read = await use(`{ move: { from: a, to: b, over: 1d, start: ${at} } }`)
      return 'move' in read! && read.move.start
    }
    assert.equal(await start('2026-12-01'), Date.UTC(2026, 11, 1))
    assert.equal(await start('2026-12-01T08:00+02:00'), Date.UTC(2026, 11, 1, 6))
    assert.deepEqual(await use('{ split: { a: 70, b: 0.5 } }'), {
      split: { weights: { a: 70, b: 0.5 }, sticky: 'recipient' },
    })
    assert.deepEqual(await use('{ split: { sticky: message, a: 1 } }'), {
      split: { weights: { a: 1 }, sticky: 'message' },
    })
  })

  const wrong: [text: string, problem: RegExp][] = [
    ['d', /^3:23 routes\[0\].use: there is no provider "d"/],
    [
      '{ first: [a, { best: { of: [b, cc], by: cost } }] }',
      /^3:54 routes\[0\].use.first\[1\].best.of\[1\]: there is no provider "cc"/,
    ],
    ['{ split: { a: 1, d: 1 } }', /^3:40 routes\[0\].use.split.d: there is no provider "d"/],
    [
      '{ frist: [a] }',
      /^3:25 routes\[0\].use.frist: unknown key "frist" \(did you mean "first"\?\). Allowed here: first, best, split, adaptive/,
    ],
    ['{ adaptive: { of: [a, d] } }', /^3:45 routes\[0\].use.adaptive.of\[1\]: there is no provider "d"/],
    ['{ adaptive: { of: [a] } }', /routes\[0\].use.adaptive.of: must have at least 2 entries/],
    ['{ adaptive: { of: [a, b], explore: 60% } }', /routes\[0\].use.adaptive.explore: must be 50% at most/],
    ['{ adaptive: { of: [a, b], explore: 0.05 } }', /use.adaptive.explore: expected a percentage: 5% or 0.5%/],
    ['{ move: { from: a, to: d, over: 14d } }', /^3:46 routes\[0\].use.move.to: there is no provider "d"/],
    ['{ move: { from: a, to: b } }', /use.move.over: expected a duration/],
    ['{ move: { from: a, to: b, over: 23h } }', /use.move.over: must be 1d at least/],
    ['{ move: { from: a, to: { first: [b, a] }, over: 14d } }', /use.move.to: a stands on both sides; name it on one/],
    ['{ move: { from: a, to: b, over: 14d, steps: [5%, 5%, 100%] } }', /move.steps\[1\]: must be more than the step/],
    ['{ move: { from: a, to: b, over: 14d, steps: [5%, 120%] } }', /move.steps\[1\]: .* and 100% at most/],
    ['{ move: { from: a, to: b, over: 14d, steps: [5%, 50%] } }', /move.steps\[1\]: the last step must be 100%/],
    ['{ move: { from: a, to: b, over: 14d, start: 2026-11-31 } }', /move.start: there is no such day or time/],
    ['{ move: { from: a, to: b, over: 14d, start: soon } }', /move.start: expected a day or a point in time/],
    ['{ move: { from: a, to: b, over: 14d, hold: { deferrals: 1 } } }', /hold.deferrals: must be more than 1/],
    ['{ move: { from: a, to: b, over: 14d, revert: { after: 1m } } }', /revert.after: must be 1h at least/],
    [
      '{ first: [{ move: { from: a, to: b, over: 14d } }, { move: { from: c, to: b, over: 14d } }] }',
      /^3:23 routes\[0\].use: has two moves/,
    ],
    ['{ best: { of: [a, b], by: cost, weights: { cost: 1 } } }', /use.best.weights: would do nothing/],
    ['{ best: { of: [a, b], by: balanced, weights: {} } }', /use.best.weights: is empty; leave "weights" out/],
    ['{ best: { of: [a, b], by: balanced, weights: { cost: 0 } } }', /use.best.weights.cost: must be more than 0/],
    ['{ best: { of: [a, b], by: cost, within: 1% } }', /use.best.within: expected a mapping, found text/],
    ['{ best: { of: [a, b], by: cost, within: {} } }', /use.best.within.deliverability: expected a percentage/],
    [
      '{ best: { of: [a, b], by: cost, within: { deliverability: 80% } } }',
      /within.deliverability: must be 50% at most/,
    ],
    [
      '{ first: [a], best: { of: [b], by: cost } }',
      /^3:23 routes\[0\].use: expected just one of first, best, split, adaptive and move/,
    ],
    ['{}', /^3:23 routes\[0\].use: expected just one of first, best, split, adaptive and move/],
    ['{ first: [] }', /^3:32 routes\[0\].use.first: must have at least one entry/],
    ['{ first: [a, a] }', /^3:36 routes\[0\].use.first\[1\]: this provider stands in the list already/],
    ['{ best: { of: [a, b], by: price } }', /^3:49 routes\[0\].use.best.by: expected one of cost, latency, health/],
    ['{ best: { of: [a, b] } }', /^3:25 routes\[0\].use.best.by: is missing; expected one of cost, latency, health/],
    ['{ split: { a: 0, b: 1 } }', /^3:37 routes\[0\].use.split.a: must be more than 0/],
    ['{ split: { a: -1 } }', /routes\[0\].use.split.a: must be more than 0/],
    ['{ split: { sticky: message } }', /routes\[0\].use.split: names no provider/],
    ['{ split: { a: 1, sticky: tenant } }', /routes\[0\].use.split.sticky: expected one of recipient, message/],
    ['7', /^3:23 routes\[0\].use: expected text or a mapping, found a number/],
    ['[a, b]', /^3:23 routes\[0\].use: expected text or a mapping, found a list/],
  ]
  for (const [text, problem] of wrong) {
    it(`refuses ${text}`, async () => {
      const problems = await noUse(text)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', problem)
    })
  }
})

describe('rules together', () => {
  const together = (text: string) => refused(providers + text)

  it('end with one that matches everything', async () => {
    assert.deepEqual(await together('  - { name: one, when: { type: otp }, use: a }'), [
      '3:18 routes[0].when: the last rule must match everything: leave "when" out, or add a rule without it',
    ])
    assert.deepEqual(await together('  []'), ['3:3 routes: must have at least one entry'])
  })

  it('can each be reached', async () => {
    assert.deepEqual(
      await together(
        '  - { name: one, use: a }\n  - { name: two, when: { type: otp }, use: b }\n  - { name: three, use: c }',
      ),
      [
        '4:5 routes[1]: never matches: the rule "one" before it matches everything',
        '5:5 routes[2]: never matches: the rule "one" before it matches everything',
      ],
    )
    assert.deepEqual(
      await together(
        `  - { name: one, when: { type: otp }, use: a }\n  - { name: two, when: { type: otp }, use: b }${last}`,
      ),
      ['4:18 routes[1].when: never matches: the rule "one" before it has the same "when"'],
    )
  })

  it('have names of their own', async () => {
    assert.deepEqual(await together(`  - { name: rest, when: { type: otp }, use: a }${last}`), [
      '4:13 routes[1].name: another rule has this name; choose another',
    ])
  })

  it('have the same version when they say the same, and another when they do not', async () => {
    const version = async (text: string) => (await accepted(providers + text)).policy.version
    const one = await version(`  - { name: one, when: { type: otp, tag: [x] }, use: a }${last}`)
    assert.match(one, /^[0-9a-f]{12}$/)
    assert.equal(
      await version(`  # a comment\n  - use: a\n    when: { tag: { in: [x] }, type: otp }\n    name: one${last}`),
      one,
    )
    assert.notEqual(await version(`  - { name: one, when: { type: otp, tag: [y] }, use: a }${last}`), one)
  })
})

describe('mirror', () => {
  const base =
    'providers: { a: { adapter: acme, token: x }, box: { adapter: inbox } }\nroutes:\n  - { name: all, use: a, mirror: '
  const key = `keys: [{ hash: "sha256:${'0'.repeat(64)}", tenant: ops }]\n`

  it('takes a provider that keeps mail, and counts it as used', async () => {
    assert.deepEqual((await accepted(`${base}{ to: box, share: 0.1% } }`)).policy.rules[0]!.mirror, {
      ...{ to: 'box', share: 0.001, tenant: '' },
    })
    assert.deepEqual(await warned(`${base}{ to: box, share: 0.1% } }`), [])
  })

  it('refuses what would send copies, or keep them where nobody may see them', async () => {
    const cases: [text: string, expected: RegExp][] = [
      [`${base}{ to: boxx, share: 1% } }`, /mirror.to: there is no provider "boxx"/],
      [`${base}{ to: box, share: 0% } }`, /mirror.share: must be more than 0%/],
      [`${base}{ to: box, share: 1%, tenant: ops } }`, /mirror.tenant: there are no keys/],
      [`${key}${base}{ to: box, share: 1% } }`, /mirror: say whose the copies are/],
      [`${key}${base}{ to: box, share: 1%, tenant: opps } }`, /mirror.tenant: no key is of this tenant/],
    ]
    for (const [text, expected] of cases) assert.match((await refused(text)).join('\n'), expected)
    const relay = 'providers: { a: { adapter: inbox }, out: { adapter: smtp, host: relay.example.com } }\n'
    const out = `${relay}routes: [{ name: all, use: a, mirror: { to: out, share: 1% } }]`
    assert.match(
      (await refused(out, { adapters: real })).join('\n'),
      /mirror.to: out sends mail on, and a copy must reach nobody/,
    )
  })
})
