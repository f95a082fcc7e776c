import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestReply, Replies } from '../../src/send/smtp-replies.ts'

function read(...chunks: Buffer[]): string[] {
  const replies = new Replies()
  const found: string[] = []
  for (const chunk of chunks) {
    replies.add(chunk)
    for (let reply = replies.next(); reply !== null; reply = replies.next()) found.push(reply)
  }
  return found
}

test('replies are the same however their bytes were cut', () => {
  const bytes = Buffer.from('250 ok\r\n250-one\r\n250-two\r\n250 thrée\r\n\r\n354\r\nhello\n550-\r\n550 no\r\n25')
  const expected = ['250 ok', '250-one\n250-two\n250 thrée', '354', 'hello', '550-\n550 no']
  assert.deepEqual(read(bytes), expected)
  assert.deepEqual(read(...[...bytes].map((byte) => Buffer.of(byte))), expected)
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(read(bytes.subarray(0, at), bytes.subarray(at)), expected, `cut at ${at}`)
  }
})

test('what is not UTF-8 is read as Latin-1', () => {
  assert.deepEqual(read(Buffer.from('550 caf\xe9\r\n', 'latin1')), ['550 café'])
})

test('a reply without end is cut off: one line, many lines, or complete at last', () => {
  for (const text of [
    '2'.repeat(longestReply + 1),
    '250-x\r\n'.repeat(longestReply / 7 + 1),
    `250 ${'x'.repeat(longestReply)}\r\n`,
  ]) {
    assert.throws(() => read(Buffer.from(text)), RangeError)
    assert.throws(() => read(...(text.match(/.{1,1000}/gs) ?? []).map((part) => Buffer.from(part))), RangeError)
  }
  const long = `250-${'x'.repeat(30_000)}\r\n`.repeat(2)
  assert.equal(read(Buffer.from(`${long}250 ok\r\n`)).length, 1)
})
