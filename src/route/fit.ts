/** Hard constraints: what no rule can pass. Capability, labels, pinning. */
import { formFor } from '../mail/adapter.ts'
import { needsSmtpUtf8 } from '../mail/address.ts'
import { isCarried } from '../mail/headers.ts'
import type { Message } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'

/**
 * Why this provider can never carry this message to this recipient, or null when it can.
 * @param labels those the message's type asks for
 */
export function unfit(
  message: Message,
  recipient: string,
  provider: Provider,
  labels: readonly string[],
): string | null {
  const { features } = provider.adapter
  const missing = labels.filter((label) => !provider.labels.includes(label))
  if (missing.length > 0) return `lacks the label ${missing.join(', ')} that type ${message.type} asks for`
  if (message.size > features.maxBytes) {
    return `takes ${features.maxBytes} bytes at most, the message has ${message.size}`
  }
  if (message.rawOnly && !features.forms.includes('raw')) {
    return 'takes no raw MIME, and this message (signed, encrypted, a report or a calendar) is whole only as raw MIME'
  }
  if (message.attachments > 0 && !features.attachments) return 'takes no attachments'
  if (message.inline > 0 && !features.inline) return 'takes no inline parts'
  if (message.tags.length > features.maxTags) {
    return `takes ${features.maxTags} tags at most, the message has ${message.tags.length}`
  }
  if (message.returnPath === '' && features.returnPath !== 'any') {
    return 'sets its own return-path, which mail with the null reverse-path must not get (RFC 5321 section 4.5.5)'
  }
  if (!features.smtpUtf8 && (needsSmtpUtf8(recipient) || needsSmtpUtf8(message.from.email))) {
    return 'takes no addresses beyond ASCII (RFC 6531)'
  }
  if (formFor(message, features) === 'parts') {
    const refused = message.headers.find(([name]) => isCarried(name) && refuses(features.headersRefused, name))
    if (refused) return `refuses the header ${refused[0]}`
  }
  return null
}

function refuses(refused: readonly (string | RegExp)[], name: string): boolean {
  const lower = name.toLowerCase()
  return refused.some((rule) => (typeof rule === 'string' ? rule === lower : rule.test(lower)))
}
