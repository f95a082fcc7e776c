/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import mailersend from './mailersend.ts'
import mailtrap from './mailtrap.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'

export const dialects: readonly Dialect[] = [mailersend, mailtrap, resend, sendgrid]
