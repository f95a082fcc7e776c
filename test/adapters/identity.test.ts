/** What vendors answer when they are asked about a From domain, by their references, and what is made of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adapters } from '../../adapters/index.ts'
import { fakeVendor, type Reply } from '../support/fake-vendors/vendor.ts'

interface Asked {
  adapter: string
  options: Record<string, unknown>
  /** How the account is asked about example.com. */
  path: string
  header: [name: string, value: RegExp]
  says: [what: string, reply: Reply, word: string][]
}

const json = (body: unknown): Reply => ({ status: 200, body: JSON.stringify(body) })
const missing: Reply = { status: 404, body: '{"message":"not found"}' }
const verified = 'ready: the vendor has example.com verified'
const not = (status: string) => `not ready: the vendor has not verified example.com (${status})`
const none = "not ready: the vendor's account has no domain example.com"
const nothing = (besides: string) => `unknown: the vendor's account has no domain example.com; ${besides}`
const bearer: [string, RegExp] = ['authorization', /^Bearer a-key$/]

const vendors: Asked[] = [
  {
    adapter: 'sendgrid',
    options: { apiKey: 'a-key' },
    path: '/v3/whitelabel/domains?domain=example.com&limit=50',
    header: bearer,
    says: [
      [
        'valid',
        json([
          { domain: 'example.com', valid: false },
          { domain: 'example.com', valid: true },
        ]),
        verified,
      ],
      ['not valid', json([{ domain: 'example.com', valid: false }]), not('its DNS records are not valid')],
      ['another', json([{ domain: 'example.com.au', valid: true }]), nothing('single senders of it may be verified')],
    ],
  },
  {
    adapter: 'mailgun',
    options: { apiKey: 'a-key', domain: 'mg.example.net' },
    path: '/v4/domains/mg.example.net',
    header: ['authorization', /^Basic /],
    says: [
      ['active', json({ domain: { state: 'active' } }), 'ready: the vendor has mg.example.net verified'],
      [
        'unverified',
        json({ domain: { state: 'unverified' } }),
        'not ready: the vendor has not verified mg.example.net (unverified)',
      ],
      ['no such domain', missing, "not ready: the vendor's account has no domain mg.example.net"],
    ],
  },
  {
    adapter: 'resend',
    options: { apiKey: 'a-key' },
    path: '/domains?limit=100',
    header: bearer,
    says: [
      ['verified', json({ data: [{ id: '1', name: 'example.com', status: 'verified' }] }), verified],
      ['pending', json({ data: [{ id: '1', name: 'example.com', status: 'pending' }] }), not('pending')],
      ['others', json({ data: [{ id: '1', name: 'example.net', status: 'verified' }], has_more: false }), none],
    ],
  },
  {
    adapter: 'amazon-ses',
    options: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'a-secret-key', region: 'eu-west-1' },
    path: '/v2/email/identities/example.com',
    header: ['authorization', /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/],
    says: [
      ['verified', json({ VerifiedForSendingStatus: true, VerificationStatus: 'SUCCESS' }), verified],
      ['pending', json({ VerifiedForSendingStatus: false, VerificationStatus: 'PENDING' }), not('PENDING')],
      ['no such identity', missing, nothing('single addresses of it may be verified')],
    ],
  },
  {
    adapter: 'brevo',
    options: { apiKey: 'a-key' },
    path: '/v3/senders/domains/example.com',
    header: ['api-key', /^a-key$/],
    says: [
      ['authenticated', json({ domain: 'example.com', verified: true, authenticated: true }), verified],
      ['verified alone', json({ verified: true, authenticated: false }), not('verified, not authenticated')],
      ['neither', json({ verified: false, authenticated: false }), not('not verified')],
      ['no such domain', missing, nothing('single senders of it may be verified')],
    ],
  },
  {
    adapter: 'sparkpost',
    options: { apiKey: 'a-key' },
    path: '/api/v1/sending-domains/example.com',
    header: ['authorization', /^a-key$/],
    says: [
      [
        'all valid',
        json({ results: { status: { ownership_verified: true, dkim_status: 'valid', compliance_status: 'valid' } } }),
        verified,
      ],
      [
        'unverified',
        json({
          results: { status: { ownership_verified: false, dkim_status: 'unverified', compliance_status: 'valid' } },
        }),
        not('owned: false, DKIM: unverified, compliance: valid'),
      ],
      ['no such domain', missing, none],
    ],
  },
  {
    adapter: 'ahasend',
    options: { apiKey: 'a-key', accountId: '4cdd7bbd-294e-4762-892f-83d40abf5a87' },
    path: '/v2/accounts/4cdd7bbd-294e-4762-892f-83d40abf5a87/domains/example.com',
    header: bearer,
    says: [
      ['valid', json({ domain: 'example.com', dns_valid: true }), verified],
      ['not valid', json({ domain: 'example.com', dns_valid: false }), not('its DNS is not valid')],
      ['no such domain', missing, none],
    ],
  },
  {
    adapter: 'mandrill',
    options: { apiKey: 'a-key' },
    path: '/api/1.4/senders/domains',
    header: ['content-type', /^application\/json/],
    says: [
      ['signing', json([{ domain: 'example.net' }, { domain: 'example.com', valid_signing: true }]), verified],
      ['not signing', json([{ domain: 'example.com', valid_signing: false }]), not('it may not sign')],
      ['others', json([{ domain: 'example.net', valid_signing: true }]), none],
    ],
  },
  {
    adapter: 'scaleway-tem',
    options: { secretKey: 'a-key', projectId: '4cdd7bbd-294e-4762-892f-83d40abf5a87' },
    path: '/transactional-email/v1alpha1/regions/fr-par/domains?name=example.com&project_id=4cdd7bbd-294e-4762-892f-83d40abf5a87',
    header: ['x-auth-token', /^a-key$/],
    says: [
      ['checked', json({ domains: [{ name: 'example.com', status: 'checked' }] }), verified],
      ['pending', json({ domains: [{ name: 'example.com', status: 'pending' }] }), not('pending')],
      ['none', json({ domains: [] }), none],
    ],
  },
  {
    adapter: 'elasticemail',
    options: { apiKey: 'a-key' },
    path: '/v4/domains/example.com',
    header: ['x-elasticemail-apikey', /^a-key$/],
    says: [
      ['verified', json({ Domain: 'example.com', Spf: true, Dkim: true }), verified],
      ['SPF alone', json({ Domain: 'example.com', Spf: true, Dkim: false }), not('SPF: true, DKIM: false')],
      ['no such domain', missing, nothing('single senders of it may be verified')],
    ],
  },
  {
    adapter: 'mailjet',
    options: { apiKey: 'a-key', secretKey: 'a-secret' },
    path: '/v3/REST/sender?Domain=example.com&Limit=1000',
    header: ['authorization', /^Basic /],
    says: [
      ['active', json({ Data: [{ Email: '*@example.com', Status: 'Active' }] }), verified],
      ['inactive', json({ Data: [{ Email: '*@example.com', Status: 'Inactive' }] }), not('Inactive')],
      [
        'an address alone',
        json({ Data: [{ Email: 'ann@example.com', Status: 'Active' }] }),
        nothing('single senders of it may be verified'),
      ],
      ['none', json({ Data: [] }), none],
    ],
  },
]

for (const { adapter: name, options, path, header, says } of vendors) {
  describe(name, async () => {
    const adapter = await adapters.get(name)!()
    const [, pattern] = header

    for (const [what, reply, word] of says) {
      it(`is understood when it says: ${what}`, async (t) => {
        const asked: { path: string; headers: Record<string, string> }[] = []
        const vendor = await fakeVendor(({ path, query, headers }) => {
          asked.push({ path: query.size > 0 ? `${path}?${query}` : path, headers })
          return asked.length === 1 ? reply : missing
        })
        t.after(() => vendor.close())
        const read = adapter.options.parse({ ...options, baseUrl: vendor.url })
        const answer = await adapter.identity!('example.com', read, fetch)
        assert.equal(`${answer.state}: ${answer.detail}`, word)
        assert.equal(asked[0]!.path, path)
        assert.match(asked[0]!.headers[header[0]] ?? '', pattern)
        if (answer.state === 'not ready') assert.ok(answer.mend)
      })
    }

    it('says nothing by an answer that is not as it should be', async (t) => {
      const vendor = await fakeVendor(() => json({}))
      t.after(() => vendor.close())
      const read = adapter.options.parse({ ...options, baseUrl: vendor.url })
      const answer = await adapter.identity!('example.com', read, fetch).catch(() => ({ state: 'unknown' }))
      assert.equal(answer.state, 'unknown')
    })

    it('that refuses to say, or says something else, is no answer', async (t) => {
      const replies: Reply[] = [
        { status: 401, body: '{"message":"Unauthorized"}' },
        { status: 403, body: '{"message":"Forbidden"}' },
        { status: 500, body: 'oops' },
        { status: 200, body: '<html>' },
      ]
      const vendor = await fakeVendor(() => replies.shift()!)
      t.after(() => vendor.close())
      const read = adapter.options.parse({ ...options, baseUrl: vendor.url })
      for (const _ of [...replies]) await assert.rejects(adapter.identity!('example.com', read, fetch), /the vendor/)
    })
  })
}
