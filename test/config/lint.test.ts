import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import inbox from '../../adapters/inbox.ts'
import { parseConfig } from '../../src/config.ts'
import { type Adapter, adapter, type Features } from '../../src/mail/adapter.ts'
import { adapters, warned } from './reading.ts'

const providers = 'providers: { a: { adapter: inbox }, b: { adapter: inbox } }\nroutes:\n'
const last = '\n  - { name: rest, use: { first: [a, b] } }'

/** What is warned of where `bare` is a vendor that carries neither attachments nor raw MIME. */
async function withBare(text: string, features: Partial<Features> = {}): Promise<string[]> {
  const bare = adapter({
    ...inbox,
    name: 'bare',
    title: 'Bare',
    features: { ...inbox.features, attachments: false, forms: ['parts'], ...features },
  })
  const known = new Map([...adapters, ['bare', async () => bare as unknown as Adapter]])
  const parsed = await parseConfig(text, { file: '', env: {}, adapters: known })
  assert.ok('warnings' in parsed, JSON.stringify(parsed))
  return parsed.warnings.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
}

describe('warnings', () => {
  it('tell of rules that those before them leave nothing', async () => {
    assert.deepEqual(
      await warned(
        `${providers}  - { name: one, when: { type: [otp, marketing] }, use: a }\n  - { name: two, when: { type: otp, tag: x }, use: b }${last}`,
      ),
      ['4:18 routes[1].when: never matches: the rule "one" before it takes all that it would'],
    )
    assert.deepEqual(
      await warned(`${providers}  - { name: one, when: { not: { type: otp }, type: otp }, use: a }${last}`),
      ['3:18 routes[0].when: never matches: its parts exclude one another'],
    )
  })

  it('tell of providers that only such rules use', async () => {
    assert.deepEqual(
      await warned(
        `${providers}  - { name: one, when: { type: otp }, use: a }\n  - { name: two, when: { type: otp, tag: x }, use: b }\n  - { name: rest, use: a }`,
      ),
      [
        '1:37 providers.b: the rules that use this provider never come to it: only mail that pins it goes there',
        '4:18 routes[1].when: never matches: the rule "one" before it takes all that it would',
      ],
    )
  })

  const labelled = (routes: string) =>
    warned(
      `providers: { a: { adapter: inbox }, eu: { adapter: inbox, labels: [eu] } }\ntypes: { invoice: { labels: [eu] } }\nroutes:\n${routes}`,
    )

  it('tell of types whose labels nobody bears where they come', async () => {
    assert.deepEqual(await labelled('  - { name: one, when: { tag: x }, use: eu }\n  - { name: rest, use: a }'), [
      '5:24 routes[1].use: mail of type invoice that comes here has no way out: no provider of this rule bears eu',
    ])
    assert.deepEqual(
      await labelled('  - { name: one, when: { type: invoice }, use: eu }\n  - { name: rest, use: a }'),
      [],
    )
  })

  it('tell of a provider that none of the mail which comes may use', async () => {
    assert.deepEqual(
      await labelled('  - { name: one, when: { type: invoice }, use: { first: [eu, a] } }\n  - { name: rest, use: a }'),
      ['4:62 routes[0].use.first[1]: is never used here: it lacks the labels that all mail which comes here asks for'],
    )
  })

  it('tell of mail that needs what nobody of a rule carries', async () => {
    const text =
      'types: { news: { needs: [tags, metadata] } }\nproviders: { bare: { adapter: bare } }\nroutes: [{ name: rest, use: bare }]'
    assert.deepEqual(
      await withBare(text, { maxTags: 0 }),
      [
        '3:29 routes[0].use: mail with an attachment that comes here has no way out: no provider of this rule takes any',
        '3:29 routes[0].use: mail of type news with tags has no way out here: no provider of this rule carries any',
      ].toReversed(),
    )
  })

  it('tell of mail that nobody of a rule can carry', async () => {
    const both = 'providers: { bare: { adapter: bare }, full: { adapter: inbox } }\nroutes:\n'
    assert.deepEqual(
      await withBare(`${both}  - { name: one, when: { tag: x }, use: full }\n  - { name: rest, use: bare }`),
      [
        '4:24 routes[1].use: mail with an attachment that comes here has no way out: no provider of this rule takes any',
        '4:24 routes[1].use: mail that is whole only as raw MIME (signed, encrypted, a calendar) has no way out here: put full last',
      ],
    )
    const kept =
      '  - { name: codes, when: { type: otp }, use: bare }\n  - { name: small, when: { type: marketing, attachments: 0 }, use: bare }'
    assert.deepEqual(await withBare(`${both}${kept}\n  - { name: rest, use: full }`), [])
    const before =
      '  - { name: one, when: { attachments: { gt: 0 } }, use: full }\n  - { name: two, when: { tag: x }, use: bare }'
    assert.deepEqual(await withBare(`${both}${before}\n  - { name: rest, use: full }`), [])
  })

  it('tell of a move to the same account, and of one whose complaints nobody tells', async () => {
    const move = (b: string) =>
      warned(
        `providers:\n  a: { adapter: acme, token: t }\n  b: { adapter: acme, token: ${b} }\nroutes:\n  - { name: rest, use: { first: [{ move: { from: a, to: b, over: 14d } }] } }`,
      )
    const deaf =
      '5:53 routes[0].use.first[0].move.to: no complaint of b comes in here, so nothing but deferrals can hold this move: see "waypost providers hooks"'
    assert.deepEqual(await move('t'), [
      '5:36 routes[0].use.first[0].move: moves nothing: all of these are the same account',
      deaf,
    ])
    assert.deepEqual(await move('u'), [deaf])
  })

  it('tell of a split among one account', async () => {
    const split = (b: string) =>
      warned(
        `providers:\n  a: { adapter: acme, token: t }\n  b: { adapter: acme, token: ${b}, cost: { perThousand: 2 } }\nroutes:\n  - { name: rest, use: { first: [{ split: { a: 1, b: 1 } }] } }`,
      )
    assert.deepEqual(await split('t'), [
      '5:36 routes[0].use.first[0].split: splits nothing: all of these are the same account',
    ])
    assert.deepEqual(await split('u'), [])
  })

  it('tell of a type of one’s own that was forgotten', async () => {
    const types = 'types: { news: {}, bill: {} }\n'
    assert.deepEqual(await warned(`${types}${providers}  - { name: one, when: { type: news }, use: a }${last}`), [
      '1:20 types.bill: no rule names this type, though rules name others of yours: it goes where everything else goes',
    ])
    assert.deepEqual(await warned(`${types}${providers}  - { name: one, when: { type: otp }, use: a }${last}`), [])
  })

  it('say nothing of conditions too long to be looked into', async () => {
    const many = (field: string) => `{ ${field}: [${Array.from({ length: 24 }, (_, number) => `x${number}`)}] }`
    const when = `{ all: [${many('tag')}, ${many('subject')}, ${many('tenant')}] }`
    const text = `  - { name: one, when: ${when}, use: a }\n  - { name: two, when: { all: [${when}, { type: otp }] }, use: b }`
    assert.deepEqual(await warned(`${providers}${text}${last}`), [])
  })
})
