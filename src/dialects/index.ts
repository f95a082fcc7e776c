/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import amazonSes from './amazon-ses.ts'
import postmark from './postmark.ts'
import resend from './resend.ts'

export const dialects: readonly Dialect[] = [amazonSes, postmark, resend]
