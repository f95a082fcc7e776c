/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import mailgun from './mailgun.ts'
import resend from './resend.ts'
import sparkpost from './sparkpost.ts'

export const dialects: readonly Dialect[] = [mailgun, resend, sparkpost]
