/** Keeps mail in the gateway and shows it in the dashboard: nothing leaves, and no account is needed. */
import { z } from 'zod'
import { adapter } from '../src/mail/adapter.ts'

export default adapter({
  name: 'inbox',
  title: 'Keeps mail in the gateway, for development',
  options: z.strictObject({}),
  features: {
    forms: ['raw', 'parts'],
    maxBytes: 50 * 1024 * 1024,
    maxRecipients: 1_000,
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
  send: { kind: 'keep' },
})
