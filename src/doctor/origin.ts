/** Where an adapter's vendor is reached over HTTP: found by having it write a request, which is not sent. */
import type { Handoff } from '../mail/adapter.ts'
import type { Message, Parts } from '../mail/message.ts'
import type { Provider } from '../mail/provider.ts'

/** `https://api.vendor.example`; null when the adapter does not speak HTTP, or does not say. */
export async function originOf({ adapter, options }: Pick<Provider, 'adapter' | 'options'>): Promise<string | null> {
  const { send, features } = adapter
  if (send.kind !== 'http' && send.kind !== 'sdk') return null
  let url: string | null = null
  const handoff = sample(features.forms[0]!)
  try {
    if (send.kind === 'http') url = (await send.request(handoff, options)).url
    else {
      await send.call(handoff, options, async (input) => {
        url = input instanceof Request ? input.url : String(input)
        throw new TypeError('nothing is sent')
      })
    }
  } catch {
    // An SDK complains that its call was not made; the address is known by then.
  }
  return url === null ? null : (URL.parse(url)?.origin ?? null)
}

/** A mail that goes nowhere. */
function sample(form: 'raw' | 'parts'): Handoff {
  const from = { email: 'postmaster@example.com' }
  const to = { email: 'postmaster@example.org' }
  const text = 'This is not sent.'
  const message: Message = {
    ...{ id: 'msg_sample', tenant: '', type: 'transactional', priority: 'normal', via: 'http', form, subject: text },
    ...{ returnPath: from.email, from, messageId: '<sample@example.com>', acceptedAt: 0, sendAt: null, expireAt: 0 },
    ...{ size: 100, headers: [], attachments: 0, inline: 0, rawOnly: false, eightBit: false, smtpUtf8: false },
    ...{ hidden: [], tags: [], metadata: {}, provider: null, dsn: {} },
  }
  const parts: Parts = { from, to: [to], cc: [], replyTo: [], subject: text, text, headers: [], attachments: [] }
  const raw = Buffer.from(`From: ${from.email}\r\nTo: ${to.email}\r\nSubject: ${text}\r\n\r\n${text}\r\n`)
  const recipient = {
    index: 0,
    email: to.email,
    status: 'sending',
    provider: null,
    providerMessageId: null,
    dsn: {},
  } as const
  return {
    message,
    recipients: [recipient],
    content:
      form === 'parts'
        ? { form, parts }
        : {
            form,
            size: raw.length,
            bytes: async () => raw,
            stream: async function* () {
              yield raw
            },
          },
    idempotencyKey: 'sample',
    signal: AbortSignal.timeout(10_000),
    timeout: 10_000,
  }
}
