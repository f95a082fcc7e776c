/**
 * Every adapter by its name in the config, and every exporter. One is loaded when a config names it, for it brings its vendor's SDK
 * with it.
 */
import type { Adapter, Adapters } from '../src/mail/adapter.ts'
import type { Exporter, Exporters } from '../src/mail/exporter.ts'

const files: Record<string, () => Promise<{ default: unknown }>> = {
  ahasend: () => import('./ahasend.ts'),
  'amazon-ses': () => import('./amazon-ses.ts'),
  'azure-acs': () => import('./azure-acs.ts'),
  brevo: () => import('./brevo.ts'),
  'cloudflare-email': () => import('./cloudflare-email.ts'),
  direct: () => import('./direct.ts'),
  elasticemail: () => import('./elasticemail.ts'),
  emailsuccess: () => import('./emailsuccess.ts'),
  flowmailer: () => import('./flowmailer.ts'),
  inbox: () => import('./inbox.ts'),
  inboxroad: () => import('./inboxroad.ts'),
  mailersend: () => import('./mailersend.ts'),
  mailgun: () => import('./mailgun.ts'),
  mailjet: () => import('./mailjet.ts'),
  mailpace: () => import('./mailpace.ts'),
  mailtrap: () => import('./mailtrap.ts'),
  mandrill: () => import('./mandrill.ts'),
  mysmtp: () => import('./mysmtp.ts'),
  ongage: () => import('./ongage.ts'),
  postal: () => import('./postal.ts'),
  postmark: () => import('./postmark.ts'),
  resend: () => import('./resend.ts'),
  'scaleway-tem': () => import('./scaleway-tem.ts'),
  sendgrid: () => import('./sendgrid.ts'),
  sendpulse: () => import('./sendpulse.ts'),
  smtp2go: () => import('./smtp2go.ts'),
  smtp: () => import('./smtp.ts'),
  smtpcom: () => import('./smtpcom.ts'),
  sparkpost: () => import('./sparkpost.ts'),
  zeptomail: () => import('./zeptomail.ts'),
}

export const adapters: Adapters = new Map(
  Object.entries(files).map(([name, load]) => [name, async () => (await load()).default as Adapter]),
)

/** Services that are told what became of mail, and carry none. */
export const exporters: Exporters = new Map([
  ['postmastery', async () => (await import('./postmastery.ts')).default as unknown as Exporter],
])
