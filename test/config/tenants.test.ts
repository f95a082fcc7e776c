/** What a config says of tenants, From domains and demands: how it is read, what is refused, warned of, and told in words. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { beforeRules } from '../../src/config/before-rules.ts'
import { accepted, refused, warned } from './reading.ts'

const hash = (number: number) => `sha256:${String(number).padStart(64, '0')}`
const keys = (...tenants: string[]) =>
  `keys: [${tenants.map((one, number) => `{ hash: "${hash(number)}", tenant: ${one} }`).join(', ')}]\n`
const routes = 'routes: [{ name: rest, use: { first: [a, b] } }]\n'
const providers = (a: string) => `providers: { a: { adapter: inbox, ${a} }, b: { adapter: inbox, labels: [eu] } }\n`

describe('tenants, domains and demands', () => {
  it('are read with their names in one form', async () => {
    const config = await accepted(
      `tenants: { acme: { labels: [eu] } }
demands: [{ name: europeans, when: { recipient.domain: { glob: "*.de" } }, labels: [eu] }]
${providers('tenants: [acme], domains: [Example.COM, "*.bücher.example"]')}${routes}`,
    )
    assert.deepEqual({ ...config.tenants }, { acme: { labels: ['eu'], limits: null } })
    assert.deepEqual(config.demands, [
      { name: 'europeans', when: { fields: { 'recipient.domain': { glob: '*.de' } } }, labels: ['eu'] },
    ])
    assert.deepEqual(config.providers[0]!.tenants, ['acme'])
    assert.deepEqual(config.providers[0]!.domains, ['example.com', '*.xn--bcher-kva.example'])
    assert.equal(config.providers[1]!.tenants, null)
    assert.equal(config.tenants.constructor, undefined)
  })

  it('are refused where they say nothing, or what nobody could meet', async () => {
    assert.deepEqual(
      await refused(
        `tenants: { acme: {}, globex: { labels: [us] } }
demands: [{ name: one, when: { type: otpp }, labels: [eu] }, { name: one, when: { tag: x }, labels: [moon] }]
${providers('tenants: [], domains: ["*"]')}${routes}`,
      ),
      [
        '1:18 tenants.acme: says nothing of this tenant; leave it out',
        '2:38 demands[0].when.type: there is no type "otpp" (did you mean "otp"?). Types: otp, transactional, marketing',
        '2:70 demands[1].name: another demand has this name; choose another',
        '2:101 demands[1].labels: no provider bears moon, so this mail could never be sent',
        '3:44 providers.a.tenants: must have at least one entry',
        '3:58 providers.a.domains[0]: expected a domain, such as example.com, or *.example.com for all below it',
      ],
    )
    assert.deepEqual(
      await refused(`tenants: { globex: { labels: [us] } }\n${providers('labels: [us], tenants: [acme]')}${routes}`),
      ['1:30 tenants.globex.labels: no provider that this tenant may use bears us, so its mail could never be sent'],
    )
  })

  it('are warned of where no key has the name', async () => {
    assert.deepEqual(
      await warned(`${keys('acme')}tenants: { acne: { labels: [eu] } }\n${providers('tenants: [acne]')}${routes}`),
      [
        '2:12 tenants.acne: no key is of this tenant (did you mean "acme"?)',
        '3:45 providers.a.tenants[0]: no key is of this tenant (did you mean "acme"?)',
      ],
    )
  })

  it('are warned of where no key may send from a domain', async () => {
    const key = `keys: [{ hash: "${hash(1)}", tenant: acme, from: [news.example.com] }]\n`
    assert.deepEqual(await warned(`${key}${providers('domains: [example.org, "*.example.com"]')}${routes}`), [
      '2:45 providers.a.domains[0]: no key whose mail may go there may send from this domain',
    ])
  })

  it('are warned of where a rule leaves a tenant no way out', async () => {
    assert.deepEqual(
      await warned(
        `${keys('acme', 'globex')}tenants: { globex: { labels: [eu] } }
${providers('tenants: [acme]')}routes:
  - { name: one, when: { tag: x }, use: a }
  - { name: two, when: { tag: y, tenant: acme }, use: a }
  - { name: rest, use: b }`,
      ),
      [
        '5:41 routes[0].use: mail of tenant globex that comes here has no way out: all providers of this rule are the own accounts of others',
      ],
    )
    assert.deepEqual(
      await warned(
        `${keys('globex')}tenants: { globex: { labels: [eu] } }
${providers('timeout: 10s')}routes:
  - { name: one, when: { tag: x }, use: a }
  - { name: rest, use: b }`,
      ),
      [
        '5:41 routes[0].use: mail of tenant globex that comes here has no way out: no provider of this rule that it may use bears eu',
      ],
    )
  })

  it('are told in words, before the rules', async () => {
    const config = await accepted(
      `tenants: { acme: { labels: [eu] } }
demands: [{ name: europeans, when: { metadata.region: eu }, labels: [eu] }]
${providers('labels: [eu], tenants: [acme], domains: [example.com, "*.example.org"]')}${routes}`,
    )
    assert.deepEqual(beforeRules(config), [
      'Mail of tenant acme may be carried only by providers with the label eu.',
      'Mail whose metadata region is "eu" (europeans) may be carried only by providers with the label eu.',
      'a carries only mail of tenant acme, and from example.com or anything below example.org.',
    ])
  })
})
