import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostOfExchanges } from '../../src/mail/hosts.ts'

test('the mailbox provider behind a domain is judged by its MX', () => {
  assert.equal(hostOfExchanges(['aspmx.l.google.com', 'alt1.aspmx.l.google.com']), 'gmail')
  assert.equal(hostOfExchanges(['example-org.mail.protection.outlook.com.']), 'outlook')
  assert.equal(hostOfExchanges(['MTA5.AM0.YAHOODNS.NET']), 'yahoo')
  assert.equal(hostOfExchanges(['mail.example.org', 'mx1.smtp.goog']), 'gmail')
})

test('a name that only ends like one of theirs is not theirs', () => {
  assert.equal(hostOfExchanges(['mx.notgoogle.com']), null)
  assert.equal(hostOfExchanges(['google.com.example.org']), null)
  assert.equal(hostOfExchanges([]), null)
})
