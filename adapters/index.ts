/** Every adapter by its name in the config. */
import type { Adapter } from '../src/mail/adapter.ts'
import direct from './direct.ts'
import inbox from './inbox.ts'
import mailgun from './mailgun.ts'
import postmark from './postmark.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'
import smtp from './smtp.ts'

export const adapters: ReadonlyMap<string, Adapter> = new Map(
  ([direct, inbox, mailgun, postmark, resend, sendgrid, smtp] as unknown as Adapter[]).map((adapter) => [
    adapter.name,
    adapter,
  ]),
)
