/** Keeps mail in the gateway and shows it in the dashboard: nothing leaves, and no account is needed. */
import { z } from 'zod'
import { adapter, asItIs } from '../src/mail/adapter.ts'

export default adapter({
  name: 'inbox',
  title: 'Keeps mail in the gateway, for development',
  options: z.strictObject({}),
  features: { ...asItIs, forms: ['raw', 'parts'], maxRecipients: 1_000 },
  send: { kind: 'keep' },
})
