/** Straight to the recipients' own MX, signed with your own DKIM keys. Needs port 25 out and a good name in DNS. */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { adapter, type DkimKey, type MxSettings } from '../src/mail/adapter.ts'

const dkimKey = z
  .strictObject({
    domain: z.hostname().toLowerCase().describe('The domain that signs: the From domain or a parent of it.'),
    selector: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be a DNS label')
      .describe('The public key is at `<selector>._domainkey.<domain>`.'),
    privateKeyFile: z
      .string()
      .describe('PEM file with the private key, RSA (1024 bits or more) or Ed25519; relative to the working directory.')
      .transform(readKey),
  })
  .transform(({ privateKeyFile, ...key }): DkimKey => ({ ...key, privateKey: privateKeyFile }))

/** Read when the config is, so that a missing or wrong file is an error of the config. */
function readKey(file: string, context: z.core.$RefinementCtx<string>): string {
  const wrong = (message: string) => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    return wrong(`cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    const key = createPrivateKey(pem)
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (key.asymmetricKeyType === 'rsa' && bits !== undefined && bits < 1024)
      return wrong('is an RSA key of less than 1024 bits')
    if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ed25519') return pem
    return wrong('holds a key that is neither RSA nor Ed25519')
  } catch {
    return wrong('is not a private key in PEM form')
  }
}

const options = z
  .strictObject({
    hostname: z.hostname().describe('The name we give in EHLO: the reverse name of the address we send from.'),
    dkim: z
      .union([dkimKey, z.array(dkimKey)])
      .default([])
      .describe('One DKIM key or a list; each that fits the From domain signs.'),
    port: z.int().min(1).max(65_535).default(25).describe('Other than 25 only in tests and closed networks.'),
    resolver: z
      .array(
        z.union([
          z.ipv4(),
          z.ipv6(),
          z.string().regex(/^([\d.]+|\[[\da-f:]+\]):\d{1,5}$/i, 'must be `ip` or `ip:port`'),
        ]),
      )
      .default([])
      .describe("DNS servers as `ip` or `ip:port`; the system's otherwise."),
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
  .transform(({ dkim, ...rest }): MxSettings => ({ ...rest, dkim: Array.isArray(dkim) ? dkim : [dkim] }))

export default adapter<MxSettings>({
  name: 'direct',
  title: "Straight to the recipients' own MX",
  options,
  features: {
    forms: ['raw'],
    maxBytes: 50 * 1024 * 1024,
    maxRecipients: 100,
    attachments: true,
    inline: true,
    headersRefused: [],
    maxTags: Number.POSITIVE_INFINITY,
    metadata: true,
    addressing: 'envelope',
    returnPath: 'any',
    smtpUtf8: true,
    idempotencyWindow: null,
  },
  send: { kind: 'mx', mx: (settings) => settings },
})
