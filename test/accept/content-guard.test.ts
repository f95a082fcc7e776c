import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ContentGuard } from '../../src/accept/content-guard.ts'
import { Refusal } from '../../src/accept/refusals.ts'

const line = 'a'.repeat(998)

/** What the guard says of a message in these chunks: its facts, or the refusal. */
function judge(chunks: Uint8Array[], maxSize = 1_000_000): string {
  const guard = new ContentGuard(maxSize)
  try {
    for (const chunk of chunks) guard.take(chunk)
    guard.end()
  } catch (error) {
    assert.ok(error instanceof Refusal)
    return `${error.code}: ${error.message}`
  }
  return `${guard.size} ${guard.attachments} ${guard.inline} ${guard.eightBit}`
}

const messages: [name: string, bytes: string, verdict: RegExp][] = [
  ['plain', 'Subject: x\r\n\r\nhello\r\n', /^21 0 0 false$/],
  ['no last CRLF', 'Subject: x\r\n\r\nhello', /^19 0 0 false$/],
  ['empty', '', /^0 0 0 false$/],
  ['only line ends', '\r\n\r\n\r\n', /^6 0 0 false$/],
  ['a line of 998', `${line}\r\n`, /^1000 /],
  ['a line of 998 without its CRLF', line, /^998 /],
  ['a line of 999', `x\r\n${line}b\r\n`, /longer than 998/],
  ['a line of 999 without its CRLF', `${line}b`, /longer than 998/],
  ['bare LF', 'a\r\nb\nc\r\n', /bare LF/],
  ['LF first', '\na\r\n', /bare LF/],
  ['LF last', 'a\r\n\n', /bare LF/],
  ['bare CR', 'a\rb\r\n', /bare CR/],
  ['CR CR LF', 'a\r\r\n', /bare CR/],
  ['CR last', 'a\r\nb\r', /bare CR/],
  ['NUL', 'a\r\n\0b\r\n', /a NUL/],
  ['NUL in the last line', 'a\r\nb\0', /a NUL/],
  ['smuggling LF . LF', 'a\n.\nMAIL FROM:<evil@z.test>\r\n', /bare LF/],
  ['smuggling LF . CRLF', 'a\n.\r\nMAIL FROM:<evil@z.test>\r\n', /bare LF/],
  ['smuggling CRLF . LF', 'a\r\n.\nMAIL FROM:<evil@z.test>\r\n', /bare LF/],
  ['smuggling CR . CR', 'a\r.\rMAIL FROM:<evil@z.test>\r\n', /bare CR/],
  ['smuggling CRLF . CR', 'a\r\n.\rMAIL FROM:<evil@z.test>\r\n', /bare CR/],
  ['eight bit', 'gr\u00fc\u00dfe\r\n', /^7 0 0 true$/],
  [
    'parts',
    '--b\r\nContent-Disposition: attachment; filename=a\r\n\r\n--b\r\ncontent-DISPOSITION:inline\r\n\r\nContent-Disposition: x\r\n',
    /^\d+ 1 1 false$/,
  ],
]

describe('content guard', () => {
  for (const [name, text, verdict] of messages) {
    it(`${name}, however it is split`, () => {
      const bytes = Buffer.from(text, 'latin1')
      assert.match(judge([bytes]), verdict)
      assert.match(judge([...bytes].map((byte) => Uint8Array.of(byte))), verdict, 'byte by byte')
      for (let at = 0; at <= bytes.length; at++) {
        assert.match(judge([bytes.subarray(0, at), bytes.subarray(at)]), verdict, `split at ${at}`)
      }
    })
  }

  it('refuses more bytes than allowed', () => {
    assert.match(judge([Buffer.from('12345\r\n')], 7), /^7 /)
    assert.match(judge([Buffer.from('12345\r\n'), Buffer.from('6')], 7), /^too_large/)
  })
})
