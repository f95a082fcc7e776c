/** Limits and warm-up as `waypost check --explain` says them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitsInWords } from '../../src/config/limits-in-words.ts'
import { accepted } from './reading.ts'

const said = async (providers: string, more = '') =>
  limitsInWords(await accepted(`providers: { ${providers} }\n${more}routes: [{ name: all, use: a }]`))

test('says what a type and a tenant may send, what a provider takes, and where', async () => {
  const limits = 'limits: { perSecond: 50, perDay: 1000, hosts: { gmail: { perHour: 5 }, others: { perMinute: 9 } } }'
  const more =
    'types: { marketing: { limits: { perDay: 500 } } }\ntenants: { acme: { limits: { perDay: 9, perMonth: 90 } } }\n'
  assert.deepEqual(await said(`a: { adapter: inbox, ${limits} }`, more), [
    'Of type marketing 500 a day may go; what is more waits, and other mail passes it.',
    'Of tenant acme 9 a day and 90 a month may go; what is more waits, and other mail passes it.',
    'a takes 50 a second and 1000 a day; 5 an hour to mailboxes at gmail; 9 a minute to each other mailbox host: what is more goes to the next provider, and waits where there is none.',
  ])
})

test('says where others alone are limited, and nothing where nothing is', async () => {
  assert.deepEqual(await said('a: { adapter: inbox, limits: { hosts: { others: { perHour: 5 } } } }'), [
    'a takes 5 an hour to each mailbox host: what is more goes to the next provider, and waits where there is none.',
  ])
  assert.deepEqual(await said('a: { adapter: inbox, limits: { inFlight: 3 } }'), [])
})

test('says what a warm-up allows', async () => {
  const [host, all] = await said(
    'a: { adapter: inbox, warmup: { start: 200 } }, b: { adapter: inbox, warmup: { start: 5, growth: 12.5%, per: provider, until: 99 } }',
  )
  assert.equal(
    host,
    'a warms up: 200 on its first sending day at each mailbox host, 40 % more after each day on which it sent, until a day would allow 50000; what is more goes to the next provider, and where there is none it waits for the next day.',
  )
  assert.match(all!, /^b warms up: 5 on its first sending day, 12\.5 % more .* until a day would allow 99;/)
})
