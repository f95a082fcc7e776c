/** Straight to the recipients' own MX, signed with your own DKIM keys. Needs port 25 out and a good name in DNS. */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { adapter, asItIs, type DkimKey, type MxSettings } from '../src/mail/adapter.ts'
import { server } from '../src/mail/settings.ts'

const dkimKey = z.strictObject({
  domain: z.hostname().toLowerCase().describe('The domain that signs: the From domain or a parent of it.'),
  selector: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a DNS label')
    .describe('The public key is at `<selector>._domainkey.<domain>`.'),
  privateKeyFile: z
    .string()
    .describe('PEM file with the private key, RSA (1024 bits or more) or Ed25519; relative to the working directory.'),
})

const options = z
  .strictObject({
    hostname: z.hostname().describe('The name we give in EHLO: the reverse name of the address we send from.'),
    dkim: z
      .union([dkimKey, z.array(dkimKey)], {
        error: 'must be `domain`, `selector` and `privateKeyFile`, or a list of those',
      })
      .default([])
      .describe('One DKIM key or a list; each that fits the From domain signs.'),
    port: z.int().min(1).max(65_535).default(25).describe('Other than 25 only in tests and closed networks.'),
    resolver: z.array(server).default([]).describe("DNS servers as `ip` or `ip:port`; the system's otherwise."),
    allowPrivate: z
      .boolean()
      .default(false)
      .describe('Lets MX hosts have private or loopback addresses: tests and closed networks only.'),
    tls: z
      .enum(['required', 'opportunistic'])
      .default('opportunistic')
      .describe('`required`: only over TLS with a certificate valid for the MX; mail for others waits.'),
    connectionsPerHost: z.int().min(1).max(100).default(10).describe('Connections to one MX host at once.'),
  })
  .transform(({ dkim, ...rest }, context): MxSettings => {
    const keys = Array.isArray(dkim) ? dkim : [dkim]
    const read = keys.map(({ privateKeyFile, ...key }, place): DkimKey => {
      const pem = readKey(privateKeyFile)
      if ('wrong' in pem) {
        const path = ['dkim', ...(Array.isArray(dkim) ? [place] : []), 'privateKeyFile']
        context.addIssue({ code: 'custom', path, message: `${privateKeyFile} ${pem.wrong}` })
        return z.NEVER
      }
      return { ...key, privateKey: pem.pem }
    })
    return { ...rest, dkim: read }
  })

/** Read when the config is, so that a missing or wrong file is an error of the config. */
function readKey(file: string): { pem: string } | { wrong: string } {
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    return { wrong: `cannot be read (${(error as NodeJS.ErrnoException).code})` }
  }
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem)
    // RFC 8301 section 3.2: nobody verifies what a shorter key signed.
    if (type === 'rsa' && (details?.modulusLength ?? 0) < 1024) return { wrong: 'is an RSA key of less than 1024 bits' }
    return type === 'rsa' || type === 'ed25519' ? { pem } : { wrong: 'holds a key that is neither RSA nor Ed25519' }
  } catch {
    return { wrong: 'is not a private key in PEM form' }
  }
}

export default adapter<MxSettings>({
  name: 'direct',
  title: "Straight to the recipients' own MX",
  options,
  features: { ...asItIs, forms: ['raw'], maxRecipients: 100 },
  send: { kind: 'mx', mx: (settings) => settings },
})
