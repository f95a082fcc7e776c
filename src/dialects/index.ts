/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import ahasend from './ahasend.ts'
import amazonSes from './amazon-ses.ts'
import brevo from './brevo.ts'
import mailersend from './mailersend.ts'
import mailgun from './mailgun.ts'
import mailjet from './mailjet.ts'
import mailtrap from './mailtrap.ts'
import mandrill from './mandrill.ts'
import postmark from './postmark.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'
import sparkpost from './sparkpost.ts'

export const dialects: readonly Dialect[] = [
  ahasend,
  amazonSes,
  brevo,
  mailersend,
  mailgun,
  mailjet,
  mailtrap,
  mandrill,
  postmark,
  resend,
  sendgrid,
  sparkpost,
]
