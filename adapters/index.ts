/** Every adapter by its name in the config. One is loaded when a config names it, for it brings its vendor's SDK with it. */
import type { Adapter, Adapters } from '../src/mail/adapter.ts'

const files: Record<string, () => Promise<{ default: unknown }>> = {
  'amazon-ses': () => import('./amazon-ses.ts'),
  'azure-acs': () => import('./azure-acs.ts'),
  'cloudflare-email': () => import('./cloudflare-email.ts'),
  direct: () => import('./direct.ts'),
  inbox: () => import('./inbox.ts'),
  mailgun: () => import('./mailgun.ts'),
  postmark: () => import('./postmark.ts'),
  resend: () => import('./resend.ts'),
  'scaleway-tem': () => import('./scaleway-tem.ts'),
  sendgrid: () => import('./sendgrid.ts'),
  smtp: () => import('./smtp.ts'),
  zeptomail: () => import('./zeptomail.ts'),
}

export const adapters: Adapters = new Map(
  Object.entries(files).map(([name, load]) => [name, async () => (await load()).default as Adapter]),
)
