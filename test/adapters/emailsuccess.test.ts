import assert from 'node:assert/strict'
import { test } from 'node:test'
import emailsuccess from './emailsuccess.ts'

const { adapter } = emailsuccess
const { send } = adapter as { send: Extract<typeof adapter.send, { kind: 'smtp' }> }

test('emailsuccess needs a server, and no login where the server knows us', () => {
  assert.equal(adapter.options.safeParse({}).success, false)
  assert.equal(adapter.options.safeParse({ host: 'mta.example.com', user: 'x' }).success, false)
  const relay = send.target(adapter.options.parse({ host: 'mta.example.com' }))
  assert.deepEqual(
    [relay.host, relay.user, relay.pass, relay.tls],
    ['mta.example.com', undefined, undefined, 'required'],
  )
})
