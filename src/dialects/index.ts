/** Every dialect. */
import type { Dialect } from '../mail/dialect.ts'
import ahasend from './ahasend.ts'
import brevo from './brevo.ts'
import mailjet from './mailjet.ts'
import mandrill from './mandrill.ts'
import resend from './resend.ts'

export const dialects: readonly Dialect[] = [ahasend, brevo, mailjet, mandrill, resend]
