import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounceByClass, bounceByStatus } from '../../src/mail/bounce-class.ts'

test('only a mailbox that does not exist is a hard bounce, by class or by enhanced status', () => {
  for (const number of ['10', '30']) assert.equal(bounceByClass(number), 'hard')
  for (const number of ['25', '50', '54']) assert.equal(bounceByClass(number), 'block')
  for (const number of ['', '1', '22', '40', '100', '101', 'x']) assert.equal(bounceByClass(number), 'soft')
  for (const status of ['5.1.1', '5.1.2', '5.1.10']) assert.equal(bounceByStatus(status), 'hard')
  for (const status of ['5.7.1', '5.7.26']) assert.equal(bounceByStatus(status), 'block')
  for (const status of [null, '', '4.1.1', '5.1.0', '5.1.100', '5.2.1', '5.2.2', '4.7.1']) {
    assert.equal(bounceByStatus(status), 'soft', String(status))
  }
})
