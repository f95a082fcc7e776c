/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import mailtrap from './mailtrap.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'

export const dialects: readonly Dialect[] = [mailtrap, resend, sendgrid]
