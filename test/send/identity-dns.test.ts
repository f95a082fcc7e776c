/** What DNS says of a From domain, asked of a real DNS server: DKIM keys, SPF within its limits, DMARC alignment. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type IdentityFinding, reasonOf, stateOf } from '../../src/mail/identity.ts'
import { lookUps } from '../../src/send/dns.ts'
import { askDns, type Verified } from '../../src/send/identity-dns.ts'
import { type FakeDns, fakeDns } from '../support/fake-dns.ts'

let dns: FakeDns
before(async () => {
  dns = await fakeDns({})
})
beforeEach(() => {
  dns.zones = {}
})
after(() => dns.close())

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`

const nothing: Verified = { dkim: [], spf: null, ownReturnPath: false, signsAll: false }
const by = (...selectors: string[]): Verified => ({
  ...nothing,
  dkim: selectors.map((selector) => ({ selector })),
  signsAll: true,
})

function ask(verified: Verified, domain = 'example.com'): Promise<IdentityFinding[]> {
  return askDns(domain, verified, lookUps({ servers: [dns.server], timeout: 200 }))
}

const said = (findings: readonly IdentityFinding[], about: string) =>
  findings.filter((finding) => finding.about === about).map(({ state, detail }) => `${state}: ${detail}`)

describe('DKIM', () => {
  it('is ready where every selector leads to a key, by TXT or by CNAME', async () => {
    dns.zones['s1._domainkey.example.com'] = { TXT: [record] }
    dns.zones['s2._domainkey.example.com'] = { CNAME: 's2.vendor.example' }
    dns.zones['s2.vendor.example'] = { TXT: [record] }
    const findings = await ask(by('s1', 's2'))
    assert.deepEqual(said(findings, 'dkim'), [
      'ready: s1._domainkey.example.com holds the key',
      'ready: s2._domainkey.example.com holds the key',
    ])
    assert.equal(stateOf(findings), 'ready')
  })

  it('is found above the From domain', async () => {
    dns.zones['s1._domainkey.example.com'] = { TXT: [record] }
    assert.deepEqual(said(await ask(by('s1'), 'news.example.com'), 'dkim'), [
      'ready: s1._domainkey.example.com holds the key',
    ])
  })

  it('is not ready without a key, and says which record to publish', async () => {
    const findings = await ask(by('s1'))
    assert.deepEqual(said(findings, 'dkim'), ['not ready: there is no DKIM key at s1._domainkey.example.com'])
    assert.match(findings[0]!.mend!, /publish the TXT or CNAME record s1\._domainkey\.example\.com/)
    assert.equal(stateOf(findings), 'not ready')
    assert.equal(reasonOf(findings), 'there is no DKIM key at s1._domainkey.example.com')
  })

  const { publicKey: short } = generateKeyPairSync('rsa', { modulusLength: 768 })
  for (const [text, words] of [
    ['v=DKIM1; p=', 'says that its key is revoked'],
    ['v=DKIM1; k=rsa; p=bm8ga2V5', 'holds a key that cannot be read'],
    ['v=DKIM1; k=dsa; p=bm8ga2V5', 'holds a key of the unknown kind dsa'],
    ['v=spf1 -all', 'is no DKIM key record'],
    [`p=${short.export({ type: 'spki', format: 'der' }).toString('base64')}`, 'holds an RSA key of 768 bits only'],
  ] as const) {
    it(`is not ready where the record ${words}`, async () => {
      dns.zones['s1._domainkey.example.com'] = { TXT: [text] }
      assert.deepEqual(said(await ask(by('s1')), 'dkim'), [`not ready: s1._domainkey.example.com ${words}`])
    })
  }

  it('is not ready where another key is published than the one that signs', async () => {
    dns.zones['s1._domainkey.example.com'] = { TXT: [record] }
    const other = generateKeyPairSync('ed25519').publicKey
    const signing = (key: typeof other) => ({ ...nothing, dkim: [{ selector: 's1', domain: 'example.com', key }] })
    assert.deepEqual(said(await ask(signing(publicKey)), 'dkim'), ['ready: s1._domainkey.example.com holds the key'])
    assert.deepEqual(said(await ask(signing(other)), 'dkim'), [
      'not ready: s1._domainkey.example.com holds another key than the one that signs',
    ])
    const raw = other.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
    dns.zones['s1._domainkey.example.com'] = { TXT: [`v=DKIM1; k=ed25519; p=${raw}`] }
    assert.deepEqual(said(await ask(signing(other)), 'dkim'), ['ready: s1._domainkey.example.com holds the key'])
  })

  for (const trouble of ['SERVFAIL', 'silence'] as const) {
    it(`is unknown while DNS answers with ${trouble}`, async () => {
      dns.zones['s1._domainkey.example.com'] = trouble
      const findings = await ask(by('s1'))
      assert.match(said(findings, 'dkim')[0]!, /^unknown: s1\._domainkey\.example\.com could not be looked up/)
      assert.equal(stateOf(findings), 'unknown')
    })
  }
})

describe('SPF', () => {
  const including = (include: string): Verified => ({ ...nothing, spf: { include } })

  it('is ready where the record includes the provider, directly or behind another name', async () => {
    dns.zones['example.com'] = { TXT: ['something else', 'v=spf1 ip4:203.0.113.7 include:_spf.example.com ~all'] }
    dns.zones['_spf.example.com'] = { TXT: ['v=spf1 include:vendor.example ?all'] }
    dns.zones['vendor.example'] = { TXT: ['v=spf1 ip4:198.51.100.0/24 -all'] }
    assert.deepEqual(said(await ask(including('vendor.example')), 'spf'), [
      'ready: the SPF record of example.com lets vendor.example send (2 look-ups)',
    ])
  })

  it('is not ready without a record, or where it does not come to the provider', async () => {
    const [none] = await ask(including('vendor.example'))
    assert.equal(`${none!.state}: ${none!.detail}`, 'not ready: example.com has no SPF record')
    assert.match(none!.mend!, /"v=spf1 include:vendor\.example ~all"/)
    dns.zones['vendor.example'] = { TXT: ['v=spf1 ip4:198.51.100.0/24 -all'] }
    for (const text of ['v=spf1 -all', 'v=spf1 -all include:vendor.example']) {
      dns.zones['example.com'] = { TXT: [text] }
      assert.deepEqual(said(await ask(including('vendor.example')), 'spf'), [
        'not ready: the SPF record of example.com does not name vendor.example',
      ])
    }
  })

  const chain = (length: number) => {
    dns.zones['example.com'] = { TXT: ['v=spf1 include:hop1.example -all'] }
    for (let hop = 1; hop < length; hop++) {
      dns.zones[`hop${hop}.example`] = { TXT: [`v=spf1 include:hop${hop + 1}.example -all`] }
    }
    dns.zones[`hop${length}.example`] = { TXT: ['v=spf1 ip4:198.51.100.0/24 -all'] }
  }

  it('may cause ten look-ups, and not eleven', async () => {
    chain(10)
    assert.match(said(await ask(including('hop10.example')), 'spf')[0]!, /^ready: .*10 look-ups/)
    chain(11)
    assert.deepEqual(said(await ask(including('hop1.example')), 'spf'), [
      'not ready: the SPF record of example.com is in error: Too many DNS requests',
    ])
  })

  it('may look up two names in vain, and not three', async () => {
    dns.zones['vendor.example'] = { TXT: ['v=spf1 -all'] }
    dns.zones['example.com'] = { TXT: ['v=spf1 a:gone1.example a:gone2.example include:vendor.example -all'] }
    assert.match(said(await ask(including('vendor.example')), 'spf')[0]!, /^ready/)
    dns.zones['example.com'] = {
      TXT: ['v=spf1 a:gone1.example a:gone2.example a:gone3.example include:vendor.example -all'],
    }
    assert.match(said(await ask(including('vendor.example')), 'spf')[0]!, /^not ready: .*Too many void DNS results/)
  })

  it('is asked about the address of the host that sends', async () => {
    dns.zones['mail.example.com'] = { A: ['203.0.113.7'] }
    const sending: Verified = { ...nothing, spf: { host: 'mail.example.com' } }
    dns.zones['example.com'] = { TXT: ['v=spf1 ip4:203.0.113.0/28 -all'] }
    assert.match(said(await ask(sending), 'spf')[0]!, /^ready: .*mail\.example\.com \(203\.0\.113\.7\)/)
    dns.zones['example.com'] = { TXT: ['v=spf1 ip4:203.0.113.16/28 -all'] }
    assert.match(said(await ask(sending), 'spf')[0]!, /^not ready: .*does not name mail\.example\.com/)
  })

  it('is unknown while DNS does not answer', async () => {
    dns.zones['example.com'] = 'SERVFAIL'
    assert.deepEqual(said(await ask(including('vendor.example')), 'spf'), [
      'unknown: SPF of example.com could not be looked up',
    ])
  })
})

describe('DMARC', () => {
  const policy = (text: string) => {
    dns.zones['_dmarc.example.com'] = { TXT: [`v=DMARC1; ${text}`] }
  }

  it('is met by a key of the same organisation, unless it is strict', async () => {
    dns.zones['s1._domainkey.example.com'] = { TXT: [record] }
    policy('p=reject')
    assert.deepEqual(said(await ask(by('s1'), 'news.example.com'), 'dmarc'), [
      'ready: mail meets the DMARC policy of example.com (reject) by DKIM (example.com)',
    ])
    policy('p=reject; adkim=s')
    const findings = await ask(by('s1'), 'news.example.com')
    assert.deepEqual(said(findings, 'dmarc'), [
      'not ready: mail would fail the DMARC policy of example.com (reject): neither DKIM nor SPF is aligned with news.example.com',
    ])
    assert.equal(stateOf(findings), 'not ready')
  })

  it('is met by SPF only where MAIL FROM is of the From domain', async () => {
    policy('p=quarantine')
    dns.zones['example.com'] = { TXT: ['v=spf1 include:vendor.example -all'] }
    dns.zones['vendor.example'] = { TXT: ['v=spf1 -all'] }
    const spf = { include: 'vendor.example' }
    const own: Verified = { dkim: [], spf, ownReturnPath: true, signsAll: true }
    assert.match(said(await ask(own), 'dmarc')[0]!, /^ready: .* by SPF$/)
    assert.match(said(await ask({ ...own, ownReturnPath: false }), 'dmarc')[0]!, /^not ready/)
    assert.match(said(await ask({ ...own, ownReturnPath: false, signsAll: false }), 'dmarc')[0]!, /^unknown/)
  })

  it('asks for nothing where there is none, or it is none', async () => {
    assert.deepEqual(said(await ask({ ...nothing, signsAll: true }), 'dmarc'), [
      'ready: example.com has no DMARC policy',
    ])
    policy('p=none')
    const findings = await ask({ ...nothing, signsAll: true })
    assert.deepEqual(said(findings, 'dmarc'), ['ready: the DMARC policy of example.com (none) asks for nothing'])
    assert.equal(stateOf(findings), 'unknown', 'which says nothing of the provider')
  })

  it('is unknown while DNS does not answer', async () => {
    dns.zones['_dmarc.example.com'] = 'SERVFAIL'
    assert.deepEqual(said(await ask(nothing), 'dmarc'), ['unknown: DMARC of example.com could not be looked up'])
  })
})
