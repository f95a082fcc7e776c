import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import type { DkimKey } from '../../src/mail/adapter.ts'
import { DkimError, keysFor, signatures } from '../../src/send/dkim.ts'
import { newKey } from '../support/dkim-key.ts'
import { letter } from '../support/handoff.ts'

const rsa = newKey('rsa', 'example.com', 'r1')
const ed = newKey('ed25519', 'example.com', 'e1')
const records: Record<string, string> = {
  'r1._domainkey.example.com': rsa.record,
  'e1._domainkey.example.com': ed.record,
}

async function verdicts(mail: string): Promise<string[]> {
  const resolver = async (name: string) => [[records[name] ?? '']]
  const { results } = await dkimVerify(Buffer.from(mail), { resolver })
  return results.map(({ algo, status }) => `${algo} ${status.result}`)
}

describe('DKIM', () => {
  test('RSA and Ed25519 keys together give two signatures, and both verify', async () => {
    const fields = await signatures(Buffer.from(letter), [rsa.key, ed.key])
    assert.ok(fields.endsWith('\r\n') && !fields.endsWith('\r\n\r\n'))
    assert.deepEqual((await verdicts(fields + letter)).sort(), ['ed25519-sha256 pass', 'rsa-sha256 pass'])
  })

  test('covers what is shown to people and how the mail is read', async () => {
    const fields = await signatures(Buffer.from(letter), [ed.key])
    const signed = /\bh=([^;]*);/.exec(fields.replace(/\s+/g, ''))![1]!.toLowerCase().split(':')
    for (const name of ['from', 'to', 'subject', 'date', 'message-id', 'mime-version', 'content-type']) {
      assert.ok(signed.includes(name), name)
    }
  })

  test('signs a stream as it signs the whole', async () => {
    async function* pieces() {
      for (const byte of Buffer.from(letter)) yield Buffer.from([byte])
    }
    assert.deepEqual(await verdicts((await signatures(pieces(), [rsa.key])) + letter), ['rsa-sha256 pass'])
  })

  test('notices a changed body and a changed subject', async () => {
    const fields = await signatures(Buffer.from(letter), [ed.key])
    assert.deepEqual(await verdicts(`${fields}${letter}x\r\n`), ['ed25519-sha256 neutral'])
    assert.deepEqual(await verdicts(fields + letter.replace('Subject: hello', 'Subject: other')), [
      'ed25519-sha256 fail',
    ])
  })

  test('keys sign for their own domain and those below it', () => {
    const key = (domain: string): DkimKey => ({ domain, selector: 's', privateKey: '' })
    const keys = [key('example.com'), key('mail.example.com'), key('ample.com')]
    assert.deepEqual(
      keysFor(keys, 'mail.example.com').map(({ domain }) => domain),
      ['example.com', 'mail.example.com'],
    )
    assert.deepEqual(
      keysFor(keys, 'example.com').map(({ domain }) => domain),
      ['example.com'],
    )
    assert.deepEqual(keysFor(keys, 'other.com'), [])
  })

  test('no key, no signature', async () => {
    assert.equal(await signatures(Buffer.from(letter), []), '')
  })

  test('a key that cannot sign stops the mail', async () => {
    const broken = { ...ed.key, privateKey: 'not a key' }
    await assert.rejects(signatures(Buffer.from(letter), [rsa.key, broken]), DkimError)
  })
})
