import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { percent, size, took, when } from '../../src/dashboard/figures.ts'
import { linked, mailbox, plainly, said, subject } from '../../src/dashboard/show.ts'

describe('hostile text', () => {
  test('is escaped and kept from reordering what stands around it', () => {
    assert.equal(String(said('<b a="1">&\'')), '<bdi>&lt;b a=&quot;1&quot;&gt;&amp;&#39;</bdi>')
  })

  test('has what would not show spelled out', () => {
    const spelled = (text: string) => String(said(text)).replace(/<[^>]*>/g, '')
    assert.equal(spelled('a\u202Eb'), 'aU+202Eb')
    assert.equal(spelled('\u2066x\u2069'), 'U+2066xU+2069')
    assert.equal(spelled('nul\u0000esc\u001b[31m'), 'nulU+0000escU+001B[31m')
    assert.equal(spelled('family 👨‍👩‍👧 and שלום'), 'family 👨‍👩‍👧 and שלום')
    assert.equal(plainly('exe.\u202Etxt\u2028'), 'exe.[U+202E]txt[U+2028]')
  })

  test('is cut where it is too long, and never leaves half a character', () => {
    assert.equal(String(said('x'.repeat(10_000), 5)), '<bdi>xxxxx…</bdi>')
    assert.ok(plainly('👨'.repeat(10), 3).isWellFormed())
    assert.equal(plainly('\ud83d alone'), '\ufffd alone')
  })

  test('stands in for an empty subject, and never lets a name hide its address', () => {
    assert.match(String(subject('  ')), /no subject/)
    assert.match(
      String(mailbox({ email: 'mallory@example.net', name: 'ceo@example.com' })),
      /ceo@example\.com.*mallory@example\.net/,
    )
  })
})

describe('links in plain text', () => {
  const hrefs = (text: string) => [...String(linked(text)).matchAll(/href="([^"]*)"/g)].map(([, href]) => href)

  test('are http and https alone, without the sentence around them', () => {
    assert.deepEqual(hrefs('See https://example.com/a?b=1&c=2. Or (http://example.net)!'), [
      'https://example.com/a?b=1&amp;c=2',
      'http://example.net',
    ])
    assert.deepEqual(hrefs('javascript:alert(1) data:text/html,x ftp://example.com file:///etc/passwd https://'), [])
  })

  test('end at a quote, so that nothing gets out of the attribute', () => {
    const text = `Visit: http://google.com?"onmouseover="alert('XSS')" http://a.test/'onclick='x http://a.test/<b>`
    assert.deepEqual(hrefs(text), ['http://google.com', 'http://a.test/', 'http://a.test/'])
    assert.doesNotMatch(String(linked(text)), /<b>|"onmouseover|'onclick/)
  })

  test('take linear time on text made to take longer', () => {
    for (const text of [`http://a${'.'.repeat(400_000)}x`, 'http://'.repeat(60_000), `h${'t'.repeat(400_000)}`])
      assert.ok(String(linked(text)).length >= text.length)
  })
})

test('figures are short and true', () => {
  const now = Date.parse('2026-11-25T12:00:00Z')
  const words = (at: number) => String(when(at, now)).replace(/<[^>]*>/g, '')
  assert.deepEqual(
    [0, 59_999, -61_000, 7_200_000, 6 * 86_400_000, 8 * 86_400_000].map((past) => words(now - past)),
    ['just now', '59 s ago', 'in 1 min', '2 h ago', '6 d ago', '17 Nov 2026'],
  )
  assert.match(String(when(now, now)), /title="2026-11-25 12:00:00 UTC"/)
  assert.deepEqual([1, 999, 1500, 123_456, 25_000_000].map(size), [
    '1 byte',
    '999 bytes',
    '1.5 kB',
    '123 kB',
    '25.0 MB',
  ])
  assert.deepEqual([1, 0.9999, 0.5, 0].map(percent), ['100 %', '99.9 %', '50.0 %', '0.0 %'])
  assert.deepEqual([12.4, 1500].map(took), ['12 ms', '1.5 s'])
})
