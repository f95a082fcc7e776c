/** Plain examples of the words, for tests that need one and care about one field of it. */

import { z } from 'zod'
import type { Adapter, Features, KeepHere } from '../../src/mail/adapter.ts'
import type { Message, Recipient } from '../../src/mail/message.ts'
import type { Provider } from '../../src/mail/provider.ts'

export function message(changes: Partial<Message> = {}): Message {
  return {
    id: 'msg_example',
    tenant: '',
    type: 'transactional',
    priority: 'normal',
    via: 'http',
    returnPath: 'ann@example.com',
    from: { email: 'ann@example.com', name: 'Ann' },
    subject: 'Hello',
    messageId: '<msg_example@example.com>',
    acceptedAt: 1_000_000,
    sendAt: null,
    expireAt: 1_000_000 + 86_400_000,
    form: 'parts',
    size: 1_000,
    headers: [],
    attachments: 0,
    inline: 0,
    rawOnly: false,
    eightBit: false,
    smtpUtf8: false,
    hidden: [],
    tags: [],
    metadata: {},
    provider: null,
    dsn: {},
    ...changes,
  }
}

export function recipient(email: string, changes: Partial<Recipient> = {}): Recipient {
  return { index: 0, email, status: 'queued', provider: null, providerMessageId: null, dsn: {}, ...changes }
}

export const features: Features = {
  forms: ['parts', 'raw'],
  maxBytes: 10_000_000,
  maxRecipients: 50,
  attachments: true,
  inline: true,
  headersRefused: [],
  maxTags: 10,
  metadata: true,
  addressing: 'envelope',
  returnPath: 'any',
  smtpUtf8: true,
  idempotency: null,
}

export function provider(name: string, changes: Partial<Provider> & { features?: Partial<Features> } = {}): Provider {
  const { features: special, ...settings } = changes
  const keep: KeepHere = { kind: 'keep' }
  const adapter: Adapter = {
    name: 'example',
    title: 'An example',
    options: z.object({}),
    features: { ...features, ...special },
    send: keep,
  }
  return {
    name,
    adapter,
    options: {},
    cost: { monthly: 0, commitment: 0, tiers: [{ upTo: Number.POSITIVE_INFINITY, perThousand: 1 }], perGigabyte: 0 },
    limits: { perSecond: null, perMinute: null, perHour: null, perDay: null, perMonth: null, inFlight: 150 },
    timeout: 30_000,
    breaker: { failures: 5, open: 30_000, probes: 1, observe: false },
    labels: [],
    tenants: null,
    domains: null,
    identity: null,
    shaping: [],
    ...settings,
  }
}
