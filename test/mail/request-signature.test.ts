/** AWS's own examples: its documentation of IAM's ListUsers, and its Signature Version 4 test suite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signedHeaders, type Unsigned } from '../../src/mail/request-signature.ts'

const key = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
  service: 'service',
}
const at = Date.UTC(2015, 7, 30, 12, 36)
const get = (url: string, headers: Record<string, string> = {}): Unsigned => ({ method: 'GET', url, headers, body: '' })
const example = 'https://example.amazonaws.com'

const published: [string, Unsigned, string][] = [
  ['get-vanilla', get(`${example}/`), '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  [
    'get-vanilla-query-order-key-case',
    get(`${example}/?Param2=value2&Param1=value1`),
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  [
    'post-vanilla',
    { ...get(`${example}/`), method: 'POST' },
    '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  ],
  [
    'post-x-www-form-urlencoded',
    {
      method: 'POST',
      url: `${example}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Param1=value1',
    },
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
]
for (const [name, request, signature] of published) {
  test(`signs ${name} as AWS says`, async () => {
    const { authorization } = await signedHeaders(request, key, at)
    assert.match(authorization!, new RegExp(`Signature=${signature}$`))
  })
}

test('signs IAM’s ListUsers as AWS says', async () => {
  const headers = await signedHeaders(
    get('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08', {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    }),
    { ...key, service: 'iam' },
    at,
  )
  assert.equal(headers['x-amz-date'], '20150830T123600Z')
  assert.equal(
    headers.authorization,
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
      'SignedHeaders=content-type;host;x-amz-date, ' +
      'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  )
})

test('signs the token of temporary credentials with the rest', async () => {
  const headers = await signedHeaders(get(`${example}/`), { ...key, sessionToken: 'a token' }, at)
  assert.equal(headers['x-amz-security-token'], 'a token')
  assert.match(headers.authorization!, /SignedHeaders=host;x-amz-date;x-amz-security-token,/)
})
