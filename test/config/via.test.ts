/** A vendor that can be reached in two ways, and one that cannot. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adapters } from '../../adapters/index.ts'
import { accepted, refused } from './reading.ts'

const config = (settings: string) => `providers: { a: { adapter: ${settings} } }\nroutes: [{ name: d, use: a }]`
const read = async (settings: string) =>
  (await accepted(config(settings), { adapters })).providers.find(({ name }) => name === 'a')!

test('by its API, unless it says otherwise', async () => {
  assert.equal((await read('resend, apiKey: x')).adapter.send.kind, 'http')
  assert.equal((await read('resend, apiKey: x, via: api')).adapter.send.kind, 'http')
  assert.equal((await read('resend, apiKey: x, via: smtp')).adapter.send.kind, 'smtp')
})

test('each way has its own settings', async () => {
  const [url] = await refused(config('resend, apiKey: x, via: smtp, baseUrl: "https://x.test"'), { adapters })
  assert.match(url!, /providers\.a\.baseUrl: unknown key/)
  const [port] = await refused(config('resend, apiKey: x, port: 465'), { adapters })
  assert.match(port!, /providers\.a\.port: unknown key/)
})

test('via says nothing where there is one way', async () => {
  const [problem] = await refused(config('inbox, via: api'), { adapters })
  assert.match(problem!, /providers\.a\.via: does nothing: there is one way to inbox; leave it out/)
})
