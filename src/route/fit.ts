/** Hard constraints: what no rule can pass. Capability, labels, pinning. */
import { formFor } from '../mail/adapter.ts'
import { needsSmtpUtf8 } from '../mail/address.ts'
import { isCarried } from '../mail/headers.ts'
import type { Message } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'

/** What a type may ask to be carried whole; without that it is wished for and may be left out. */
export const wishes = ['tags', 'metadata'] as const
export type Wish = (typeof wishes)[number]

/** What a message's type asks of whoever carries it. */
export interface Asked {
  labels: readonly string[]
  needs: readonly Wish[]
}

/** What is asked of every provider, and the same for all: found once, when the first needs it. */
export class Needs {
  readonly message: Message
  /** By the message's type. */
  readonly asked: Asked
  readonly #recipient: string
  #utf8: boolean | undefined
  #headers: string[] | undefined

  constructor(message: Message, recipient: string, asked: Asked) {
    this.message = message
    this.asked = asked
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
}

/** Why this provider can never carry a message that needs this, or null when it can. */
export function unfit(needs: Needs, provider: Provider): string | null {
  const { message } = needs
  const { labels, needs: whole } = needs.asked
  const { features } = provider.adapter
  if (!labels.every((label) => provider.labels.includes(label))) {
    const missing = labels.filter((label) => !provider.labels.includes(label))
    return `lacks the label ${missing.join(', ')} that type ${message.type} asks for`
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
  const left: string[] = []
  if (tags.length > features.maxTags) {
    left.push(features.maxTags === 0 ? 'tags' : `${tags.length - features.maxTags} of ${tags.length} tags`)
  }
  if (!features.metadata && Object.keys(metadata).length > 0) left.push('metadata')
  return left.length === 0 ? null : `leaves out ${left.join(' and ')}, which it cannot carry`
}

function refuses(refused: readonly (string | RegExp)[], name: string): boolean {
  const lower = name.toLowerCase()
  return refused.some((rule) => (typeof rule === 'string' ? rule === lower : rule.test(lower)))
}
