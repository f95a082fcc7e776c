/**
 * What DNS says of a From domain: the keys of its signatures, its SPF record, and whether mail would be aligned for DMARC. SPF
 * (RFC 7208) and DMARC (RFC 9989) by mailauth.
 */
import type { KeyObject } from 'node:crypto'
import type { IdentityFinding } from '../mail/identity.ts'
import { readDkimRecord } from './dkim-record.ts'
import { type LookUp, saysNothing } from './dns.ts'

/** What a provider's mail from a domain would be verified by. */
export interface Verified {
  /** Under which selectors; with the domain that signs and the key, where they are known. */
  dkim: readonly Signature[]
  /** What the domain's SPF record must include, or the name of the host that sends. Null: nothing is asked of SPF. */
  spf: Wanted | null
  /** Its MAIL FROM is of the From domain, so that SPF speaks for that. */
  ownReturnPath: boolean
  /** No key signs but these. */
  signsAll: boolean
}

interface Signature {
  selector: string
  /** Absent: the From domain, or one above it. */
  domain?: string
  key?: KeyObject
}

type Wanted = { include: string } | { host: string }

/** RFC 5737: nobody sends from there, so an SPF record is looked through to its end. */
const nobody = '192.0.2.1'

/** With the first who needs it: a second of work, and 30 MB. */
export async function loadChecks() {
  const [{ spf }, { dmarc }] = await Promise.all([
    import('mailauth/lib/spf/index.js'),
    import('mailauth/lib/dmarc/index.js'),
  ])
  return { spf, dmarc }
}

/** Asks DNS all of it. Never throws: what is not answered is unknown. */
export async function askDns(domain: string, verified: Verified, lookUp: LookUp): Promise<IdentityFinding[]> {
  const keys = await Promise.all(verified.dkim.map((signature) => dkim(domain, signature, lookUp)))
  const spf = verified.spf === null ? null : await spfOf(domain, verified.spf, lookUp)
  const signing = keys.flatMap(({ signs }) => signs ?? [])
  const unsure = [...keys.map(({ finding }) => finding), spf].some((finding) => finding?.state === 'unknown')
  const aligned = {
    dkim: signing,
    spf: verified.ownReturnPath && spf?.state === 'ready' ? [domain] : [],
    // Who signs with keys that nobody named may well be aligned.
    unsure: unsure || !verified.signsAll,
  }
  return [...keys.map(({ finding }) => finding), ...(spf ? [spf] : []), await dmarc(domain, aligned, lookUp)]
}

/** What a domain says, whoever sends for it: an SPF record in order, and a DMARC policy. Never throws. */
export function askDomain(domain: string, lookUp: LookUp): Promise<IdentityFinding[]> {
  return Promise.all([spfOf(domain, null, lookUp), dmarc(domain, null, lookUp)])
}

/** The key under a selector: at the domain that signs, or at the From domain and those above it, the nearest first. */
async function dkim(
  from: string,
  { selector, domain, key }: Signature,
  lookUp: LookUp,
): Promise<{ finding: IdentityFinding; signs: string | null }> {
  const found = (state: IdentityFinding['state'], detail: string, mend?: string) => ({
    finding: { about: 'dkim' as const, state, detail, ...(mend === undefined ? {} : { mend }) },
    signs: null,
  })
  for (const at of domain === undefined ? withParents(from) : [domain]) {
    const name = `${selector}._domainkey.${at}`
    const texts = await textsAt(name, lookUp)
    if ('code' in texts) return found('unknown', `${name} could not be looked up (${texts.code})`)
    if (texts.records.length === 0) continue
    const record = readDkimRecord(texts.records.find((text) => /(^|;)\s*p\s*=/.test(text)) ?? texts.records[0]!)
    if (record.kind === 'revoked') {
      return found(
        'not ready',
        `${name} says that its key is revoked`,
        'publish the key that signs, or name its selector',
      )
    }
    if (record.kind === 'broken')
      return found('not ready', `${name} ${record.why}`, 'publish it as the provider shows it')
    if (key && !record.key.equals(key)) {
      return found('not ready', `${name} holds another key than the one that signs`, 'publish the key that signs')
    }
    return { finding: { about: 'dkim', state: 'ready', detail: `${name} holds the key` }, signs: at }
  }
  const name = `${selector}._domainkey.${domain ?? from}`
  return found(
    'not ready',
    `there is no DKIM key at ${name}`,
    `publish the TXT or CNAME record ${name} that the provider shows`,
  )
}

/** `news.example.com`, `example.com`: no key stands at a top-level domain. */
function withParents(domain: string): string[] {
  const labels = domain.split('.')
  return labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
}

/** @param wanted null: it must be in order, where there is one */
async function spfOf(domain: string, wanted: Wanted | null, lookUp: LookUp): Promise<IdentityFinding> {
  const found = (state: IdentityFinding['state'], detail: string, mend?: string): IdentityFinding => ({
    about: 'spf',
    state,
    detail,
    ...(mend === undefined ? {} : { mend }),
  })
  const host = wanted && 'host' in wanted ? wanted.host : null
  const ip = host === null ? nobody : await addressOf(host, lookUp)
  if (ip === null) return found('unknown', `${host} has no address to ask SPF about`)
  const asked = new Set<string>()
  const { spf } = await loadChecks()
  const { status, rr, lookups } = await spf({
    ip,
    sender: `postmaster@${domain}`,
    helo: domain,
    strict: true,
    resolver: (name, type) => {
      if (type === 'TXT') asked.add(name.toLowerCase())
      return lookUp(name, type)
    },
  })
  const count = `${lookups?.count ?? 0} look-ups`
  if (status.result === 'temperror') return found('unknown', `SPF of ${domain} could not be looked up`)
  if (status.result === 'permerror') {
    const why = /lookup of \S+: (.+)$/.exec(status.comment ?? '')?.[1] ?? 'it is not well formed'
    const mend = 'it may cause ten look-ups and two of them in vain (RFC 7208 section 4.6.4): take out what is not used'
    return found('not ready', `the SPF record of ${domain} is in error: ${why}`, mend)
  }
  if (wanted === null) {
    if (status.result === 'none') return found('unknown', `${domain} has no SPF record`)
    return found('ready', `the SPF record of ${domain} is in order (${count})`)
  }
  const who = 'include' in wanted ? wanted.include : `${host} (${ip})`
  const term = 'include' in wanted ? `include:${wanted.include}` : `a:${host}`
  if (status.result === 'none') {
    return found(
      'not ready',
      `${domain} has no SPF record`,
      `publish the TXT record "v=spf1 ${term} ~all" at ${domain}`,
    )
  }
  const passes = host === null ? asked.has(who) : status.result === 'pass'
  if (passes) return found('ready', `the SPF record of ${domain} lets ${who} send (${count})`)
  const mend = `add ${term} to the TXT record of ${domain}, before its "all": ${rr}`
  return found('not ready', `the SPF record of ${domain} does not name ${who}`, mend)
}

async function addressOf(host: string, lookUp: LookUp): Promise<string | null> {
  for (const type of ['A', 'AAAA'] as const) {
    const found = await lookUp(host, type).catch(() => [])
    if (typeof found[0] === 'string') return found[0]
  }
  return null
}

/** @param aligned whose domain mail is shown to be from; null: whatever is published is well */
async function dmarc(
  domain: string,
  aligned: { dkim: readonly string[]; spf: readonly string[]; unsure: boolean } | null,
  lookUp: LookUp,
): Promise<IdentityFinding> {
  const about = 'dmarc'
  const { dmarc } = await loadChecks()
  const found = await dmarc({
    headerFrom: [domain],
    dkimDomains: (aligned?.dkim ?? []).map((one) => ({ id: one, domain: one })),
    spfDomains: [...(aligned?.spf ?? [])],
    resolver: lookUp,
  })
  if (!found || found.status.result === 'temperror') {
    return { about, state: 'unknown', detail: `DMARC of ${domain} could not be looked up` }
  }
  const { status, policy, policyDomain, alignment } = found
  if (status.result === 'none') {
    const detail = `${domain} has no DMARC policy`
    if (aligned !== null) return { about, state: 'ready', detail }
    return { about, state: 'unknown', detail, mend: `publish the TXT record "v=DMARC1; p=none" at _dmarc.${domain}` }
  }
  const where = `the DMARC policy of ${policyDomain} (${policy})`
  if (aligned === null) return { about, state: 'ready', detail: `${where} is published` }
  if (status.result === 'pass') {
    const by = alignment?.dkim.result ? `DKIM (${alignment.dkim.result})` : 'SPF'
    return { about, state: 'ready', detail: `mail meets ${where} by ${by}` }
  }
  if (policy === 'none') return { about, state: 'ready', detail: `${where} asks for nothing` }
  if (aligned.unsure) return { about, state: 'unknown', detail: `whether mail meets ${where} cannot be told` }
  const detail = `mail would fail ${where}: neither DKIM nor SPF is aligned with ${domain}`
  return { about, state: 'not ready', detail, mend: `have the provider sign with ${domain} (DKIM)` }
}

/** TXT records, the strings of each joined; none where there is no such name. */
async function textsAt(name: string, lookUp: LookUp): Promise<{ records: string[] } | { code: string }> {
  try {
    return { records: (await lookUp(name, 'TXT')).map((strings) => [strings].flat().join('')) }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EDNS'
    return saysNothing(code) ? { records: [] } : { code }
  }
}
