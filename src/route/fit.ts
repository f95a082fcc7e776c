/** Hard constraints: what no rule can pass, and no pin. Capability, labels, whose account it is and for which From domains. */
import { formFor } from '../mail/adapter.ts'
import { domainOf, needsSmtpUtf8 } from '../mail/address.ts'
import { isCarried } from '../mail/headers.ts'
import type { Message } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'
import type { Demand } from './demands.ts'

/** What a type may ask to be carried whole; without that it is wished for and may be left out. */
export const wishes = ['tags', 'metadata'] as const
export type Wish = (typeof wishes)[number]

/** What is asked of every provider, and the same for all: found once, when the first needs it. */
export class Needs {
  readonly message: Message
  readonly demands: readonly Demand[]
  /** What the message's type will not have left out. */
  readonly whole: readonly Wish[]
  readonly #recipient: string
  #utf8: boolean | undefined
  #headers: string[] | undefined
  #from: string | undefined

  constructor(message: Message, recipient: string, demands: readonly Demand[], whole: readonly Wish[]) {
    this.message = message
    this.demands = demands
    this.whole = whole
    this.#recipient = recipient
  }

  get smtpUtf8(): boolean {
    this.#utf8 ??= needsSmtpUtf8(this.#recipient) || needsSmtpUtf8(this.message.from.email)
    return this.#utf8
  }

  /** Names of the headers that go along as custom headers. */
  get headers(): string[] {
    this.#headers ??= this.message.headers.map(([name]) => name).filter(isCarried)
    return this.#headers
  }

  /** The domain of the header From. */
  get from(): string {
    this.#from ??= domainOf(this.message.from.email)
    return this.#from
  }
}

/** Why this provider can never carry a message that needs this, or null when it can. */
export function unfit(needs: Needs, provider: Provider): string | null {
  const { message, demands, whole } = needs
  const { features } = provider.adapter
  // Whose it is instead is none of this tenant's business.
  if (provider.tenants !== null && !provider.tenants.includes(message.tenant)) return "is another tenant's own account"
  for (const { by, labels } of demands) {
    const missing = labels.filter((label) => !provider.labels.includes(label))
    if (missing.length > 0) return `lacks the label ${missing.join(', ')} that ${by} asks for`
  }
  if (provider.domains !== null && !provider.domains.some((domain) => isOf(domain, needs.from))) {
    return `is set up for ${provider.domains.join(', ')}, and this mail is from ${needs.from}`
  }
  if (whole.includes('tags') && message.tags.length > features.maxTags) {
    const most = features.maxTags === 0 ? 'no tags' : `${features.maxTags} of ${message.tags.length} tags`
    return `carries ${most}, and type ${message.type} needs all of them`
  }
  if (whole.includes('metadata') && !features.metadata && Object.keys(message.metadata).length > 0) {
    return `carries no metadata, which type ${message.type} needs`
  }
  if (message.size > features.maxBytes) {
    return `takes ${features.maxBytes} bytes at most, the message has ${message.size}`
  }
  if (message.rawOnly && !features.forms.includes('raw')) {
    return 'takes no raw MIME, and this message (signed, encrypted, a report or a calendar) is whole only as raw MIME'
  }
  if (message.cc !== undefined && features.cc === false) return 'shows nobody in Cc, and this message has one'
  if ((message.replyTo ?? 0) > (features.maxReplyTo ?? Number.POSITIVE_INFINITY)) {
    return `takes ${features.maxReplyTo} address in Reply-To, and this message has ${message.replyTo}`
  }
  if (message.attachments > 0 && !features.attachments) return 'takes no attachments'
  if (message.inline > 0 && !features.inline) return 'takes no inline parts'
  if (message.returnPath === '' && features.returnPath !== 'any') {
    return 'sets its own return-path, which mail with the null reverse-path must not get (RFC 5321 section 4.5.5)'
  }
  if (!features.smtpUtf8 && needs.smtpUtf8) {
    return 'takes no addresses beyond ASCII (RFC 6531)'
  }
  if (features.headersRefused.length > 0 && formFor(message, features) === 'parts') {
    const refused = needs.headers.find((name) => refuses(features.headersRefused, name))
    if (refused !== undefined) return `refuses the header ${refused}`
  }
  return null
}

/** What is merely wished and will be left out at this provider, for the record; null when nothing is. */
export function leftOut({ tags, metadata }: Pick<Message, 'tags' | 'metadata'>, { adapter }: Provider): string | null {
  const { features } = adapter
  const whole = features.metadata || Object.keys(metadata).length === 0
  if (whole && tags.length <= features.maxTags) return null
  const left: string[] = []
  if (tags.length > features.maxTags) {
    left.push(features.maxTags === 0 ? 'tags' : `${tags.length - features.maxTags} of ${tags.length} tags`)
  }
  if (!whole) left.push('metadata')
  return `leaves out ${left.join(' and ')}, which it cannot carry`
}

/** Whether a domain is the one named or, with `*.` in front, below it. */
export function isOf(named: string, domain: string): boolean {
  return named.startsWith('*.') ? domain.endsWith(named.slice(1)) : domain === named
}

function refuses(refused: readonly (string | RegExp)[], name: string): boolean {
  const lower = name.toLowerCase()
  return refused.some((rule) => (typeof rule === 'string' ? rule === lower : rule.test(lower)))
}
