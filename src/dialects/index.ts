/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import postmark from './postmark.ts'
import resend from './resend.ts'

export const dialects: readonly Dialect[] = [postmark, resend]
