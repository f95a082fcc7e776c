/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import resend from './resend.ts'
import sendgrid from './sendgrid.ts'

export const dialects: readonly Dialect[] = [resend, sendgrid]
