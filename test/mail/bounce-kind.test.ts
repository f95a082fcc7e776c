import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounceByStatus } from '../../src/mail/bounce-kind.ts'

const cases: [string | null, ReturnType<typeof bounceByStatus>][] = [
  ['550 5.1.1 no such user', 'hard'],
  ['smtp; 550-5.1.10 null MX', 'hard'],
  ['5.1.2', 'hard'],
  ['5.1.8 sender domain not found', 'block'],
  ['552 5.2.2 full', 'soft'],
  ['5.2.3 too long', 'block'],
  ['5.7.1 blocked', 'block'],
  ['5.4.1 no answer from host', 'soft'],
  ['450 4.1.1 try again', 'soft'],
  ['host 5.1.1.1 said no', null],
  ['15.1.1', null],
  ['550 no such user', null],
  [null, null],
]
for (const [text, kind] of cases) {
  test(`takes ${text} for ${kind}`, () => assert.equal(bounceByStatus(text), kind))
}
