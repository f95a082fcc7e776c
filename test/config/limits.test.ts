/** Limits in the config: what is read, what is wrong, and what is never reached. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused, warned } from './reading.ts'

const routes = 'routes: [{ name: default, use: a }]'
const provider = (more: string) => `providers: { a: { adapter: inbox, ${more} } }\n${routes}`
const none = { perSecond: null, perMinute: null, perHour: null, perDay: null, perMonth: null }

test('are kept for a provider, its mailbox hosts, a type and a tenant', async () => {
  const hash = `sha256:${'0'.repeat(64)}`
  const config = await accepted(
    `${provider('limits: { perMonth: 5000, hosts: { gmail: { perHour: 500 }, others: { perDay: 9 } } }, warmup: { start: 100 }')}
types: { marketing: { limits: { perSecond: 10 } } }
keys: [{ hash: "${hash}", tenant: acme }]
tenants: { acme: { limits: { perDay: 1000 } } }`,
  )
  assert.deepEqual(config.providers[0]?.limits, {
    ...{ ...none, perMonth: 5000, inFlight: 150 },
    hosts: { gmail: { ...none, perHour: 500 }, others: { ...none, perDay: 9 } },
  })
  assert.deepEqual(config.providers[0]?.warmup, { start: 100, growth: 0.4, per: 'host', until: 50_000 })
  assert.deepEqual(config.types.marketing?.limits, { ...none, perSecond: 10 })
  assert.equal(config.types.otp?.limits, null)
  assert.deepEqual({ ...config.tenants }, { acme: { labels: [], limits: { ...none, perDay: 1000 } } })
})

test('what is wrong with them is told', async () => {
  const wrong = async (more: string) => (await refused(provider(more))).map((line) => line.replace(/^\d+:\d+ /, ''))
  assert.match(
    (await wrong('limits: { hosts: { gmial: { perDay: 5 } } }')).join(),
    /hosts\.gmial: .*did you mean "gmail"/,
  )
  assert.match((await wrong('limits: { hosts: { gmail: {} } }')).join(), /hosts\.gmail: says no limit/)
  assert.match((await wrong('limits: { hosts: {} }')).join(), /limits\.hosts: names no mailbox host/)
  assert.match((await wrong('limits: { perMonth: 1.5 }')).join(), /perMonth: expected a whole number, found a fraction/)
  assert.match((await wrong('warmup: { start: 200, until: 100 }')).join(), /warmup\.until: is not more than start/)
  assert.match((await wrong('warmup: { start: 200, growth: 0% }')).join(), /warmup\.growth: must be more than 0%/)
  assert.match((await wrong('warmup: { growth: 10% }')).join(), /warmup\.start/)
})

test('what is never reached, or nobody’s, is warned of', async () => {
  assert.deepEqual(
    await warned(provider('limits: { perHour: 500, perDay: 400, hosts: { gmail: { perMinute: 9, perMonth: 9 } } }')),
    [
      '1:54 providers.a.limits.perHour: is never reached: perDay allows only 400',
      '1:101 providers.a.limits.hosts.gmail.perMinute: is never reached: perMonth allows only 9',
    ],
  )
  const text = `${provider('cost: { perThousand: 1 }')}\ntenants: { acme: { limits: { perDay: 5 } } }`
  assert.deepEqual(await warned(text), ['3:12 tenants.acme: no key is of this tenant'])
})
