import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerJson } from '../../src/mail/over-smtp.ts'
import { headerLines } from '../../src/send/outgoing.ts'

test('a header that a vendor is steered by makes no line too long, and reads as it was', () => {
  const many = Object.fromEntries(
    Array.from({ length: 90 }, (_, n) => [`key-${n}`, `a "value",\nof ü ${'x'.repeat(n)}`]),
  )
  const whole = headerLines([['X-Json', headerJson(many)]])
  const lines = whole.split('\r\n')
  assert.ok(lines.length > 5)
  for (const line of lines) assert.ok(line.length <= 998, `${line.length}`)
  assert.ok(lines.slice(1, -1).every((line) => line.startsWith(' ')))
  assert.deepEqual(JSON.parse(whole.replace(/\r\n(?= )/g, '').replace('X-Json: ', '')), many)
})

test('a header without a space to fold at stays whole', () => {
  const long = 'x'.repeat(1200)
  assert.equal(headerLines([['X-Long', long]]), `X-Long: ${long}\r\n`)
  assert.equal(headerLines([['X-Long', `${long} y`]]), `X-Long: ${long}\r\n y\r\n`)
})
