import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { ecdsa, ecdsaPair, signedByEcdsa } from '../../src/mail/signature.ts'

test('checks ECDSA signatures as others make them', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const bare = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  // Numbers of a signature have 30 to 33 bytes; many signatures have them all.
  for (let n = 0; n < 300; n++) {
    const data = Buffer.from(`data ${n}`)
    const signature = sign('sha256', data, privateKey)
    assert.equal(await ecdsa(n % 2 ? pem : bare, signature.toString('base64'), data), true)
    assert.equal(await ecdsa(bare, signature.toString('base64'), Buffer.from('other')), false)
    assert.equal(await ecdsa(bare, signature.subarray(0, 40).toString('base64'), data), false)
  }
  for (const nothing of ['', 'x', '!', 'MAA=', 'MAYCAQECAQE=']) {
    assert.equal(await ecdsa(bare, nothing, Buffer.from('data')), false)
    assert.equal(await ecdsa(nothing, nothing, Buffer.from('data')), false)
  }
})

test('makes ECDSA signatures that others take', async () => {
  const { privateKey, publicKey } = await ecdsaPair()
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
  for (let n = 0; n < 300; n++) {
    const data = Buffer.from(`data ${n}`)
    const signature = await signedByEcdsa(privateKey, data)
    assert.equal(verify('sha256', data, key, Buffer.from(signature, 'base64')), true)
    assert.equal(await ecdsa(publicKey, signature, data), true)
  }
})
