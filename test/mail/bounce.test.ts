import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounceOf } from '../../src/mail/bounce.ts'

test('a bounce is hard only where there is no such mailbox', () => {
  assert.equal(bounceOf('550 5.1.1 <ann@example.com> unknown'), 'hard')
  assert.equal(bounceOf('smtp;550 5.1.10 null MX'), 'hard')
  assert.equal(bounceOf('550 5.7.1 listed'), 'block')
  assert.equal(bounceOf('552 5.2.2 mailbox full'), 'soft')
  assert.equal(bounceOf('451 4.7.1 greylisted'), 'soft')
  assert.equal(bounceOf('421 4.4.2 timeout'), 'soft')
  assert.equal(bounceOf('550 no thanks'), 'block')
  assert.equal(bounceOf('452 too much'), 'soft')
  assert.equal(bounceOf(null), 'soft')
})

test('the vendor’s own class decides where the reply does not', () => {
  assert.equal(bounceOf('550 no such user', 'hard'), 'hard')
  assert.equal(bounceOf('554 5.7.1 spam', 'hard'), 'block')
  assert.equal(bounceOf('552 5.2.2 full', 'hard'), 'soft')
  assert.equal(bounceOf(null, 'hard'), 'hard')
  assert.equal(bounceOf('550 5.1.1 unknown', 'soft'), 'hard')
})
