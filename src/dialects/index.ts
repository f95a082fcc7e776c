/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import amazonSes from './amazon-ses.ts'
import mailersend from './mailersend.ts'
import mailtrap from './mailtrap.ts'
import postmark from './postmark.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'

export const dialects: readonly Dialect[] = [amazonSes, mailersend, mailtrap, postmark, resend, sendgrid]
