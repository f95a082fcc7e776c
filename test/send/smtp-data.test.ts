import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Data } from '../../src/send/smtp-data.ts'

function written(...pieces: string[]): string {
  const data = new Data()
  return pieces.map((piece) => data.take(Buffer.from(piece, 'latin1'))).join('') + data.end()
}

describe('content between 354 and the dot', () => {
  const cases: [content: string, written: string][] = [
    ['', '.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['..a\r\n', '...a\r\n.\r\n'],
    ['a\r\n.\r\n.b\r\n..\r\n', 'a\r\n..\r\n..b\r\n...\r\n.\r\n'],
    ['\r\n.\r\n', '\r\n..\r\n.\r\n'],
    ['a.b\r\nc.\r\n', 'a.b\r\nc.\r\n.\r\n'],
    ['\xe9\xff\x80\r\n', '\xe9\xff\x80\r\n.\r\n'],
    // What the door never lets in; each could be a message of its own to a server that reads it loosely.
    ['a\n.\nb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r.\rb', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\n.\r\nb\r', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r\n\0.\r\n', 'a\r\n..\r\n.\r\n'],
    ['\0.\r\n', '..\r\n.\r\n'],
    ['a\r\0\n.', 'a\r\n..\r\n.\r\n'],
    ['a\r\r\n.\r\n', 'a\r\n\r\n..\r\n.\r\n'],
  ]
  for (const [content, expected] of cases) {
    test(`${JSON.stringify(content)} is the same however it is cut`, () => {
      assert.equal(written(content), expected)
      assert.equal(written(...content), expected)
      for (let at = 0; at <= content.length; at++) {
        assert.equal(written(content.slice(0, at), content.slice(at)), expected, `cut at ${at}`)
      }
    })
  }
})
