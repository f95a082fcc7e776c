/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import brevo from './brevo.ts'
import resend from './resend.ts'

export const dialects: readonly Dialect[] = [brevo, resend]
