/** A vendor's submission server as a provider: the SMTP carrier with the vendor's host, login and headers filled in. */
import type { ZodType } from 'zod'
import { type Adapter, asItIs, type Features, type Handoff, type SmtpRelay } from './adapter.ts'
import type { Webhook } from './webhook.ts'

/** What `smtpSettings` gives. */
interface Server {
  host: string
  port: number
  secure?: boolean | undefined
  verify: boolean
  connections: number
}

interface Preset<Options extends Server> {
  name: string
  title: string
  options: ZodType<Options>
  /** Where it differs from a relay that hands mail on as it is, under the vendor's own return-path. */
  features: Pick<Features, 'maxBytes' | 'maxRecipients'> & Partial<Features>
  /** What to log in with; null where the server knows us by our address. */
  login(options: NoInfer<Options>): { user: string; pass: string } | null
  /** Headers that steer the vendor: tags, metadata, and our message id. */
  headers?(handoff: Handoff, options: NoInfer<Options>): readonly (readonly [string, string])[]
  webhook?: Webhook<NoInfer<Options>>
}

const implicit: ReadonlySet<number> = new Set([443, 465, 2465, 8465])

/** The adapter that a preset makes. */
export function overSmtp<Options extends Server>(preset: Preset<Options>): Adapter<Options> {
  const { name, title, options, features, login, headers, webhook } = preset
  return {
    name,
    title,
    options,
    features: { ...asItIs, forms: ['raw'], returnPath: 'fixed', smtpUtf8: false, ...features },
    send: {
      kind: 'smtp',
      target: (given): SmtpRelay => ({
        host: given.host,
        port: given.port,
        tls: (given.secure ?? implicit.has(given.port)) ? 'implicit' : 'required',
        verify: given.verify,
        connections: given.connections,
        ...login(given),
        ...(headers ? { headers: (handoff) => headers(handoff, given) } : {}),
      }),
    },
    ...(webhook ? { webhook } : {}),
  }
}

/** Our message id and the mail's metadata as a header of JSON, for vendors that hand one back with their events. */
export function metadataJson({ message }: Pick<Handoff, 'message'>): string {
  return headerJson({ ...message.metadata, waypost: message.id })
}

/** JSON as a header's value: in ASCII, and with spaces where it is long, for a header is folded at spaces. */
export function headerJson(value: unknown): string {
  const short = JSON.stringify(value)
  // No line break within a text of JSON is written as one.
  const foldable = short.length < 800 ? short : JSON.stringify(value, null, 1).replace(/\n */g, ' ')
  return foldable.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Tags as a header that lists them: it is ASCII, and a comma stands between two. */
export function headerTags(tags: readonly string[]): string {
  return tags.map((tag) => tag.replace(/[^\x20-\x2b\x2d-\x7e]/g, '_')).join(',')
}
