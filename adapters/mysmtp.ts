/**
 * mySMTP: a relay that is spoken to in SMTP alone. It publishes no API and no events: what became of mail comes back as bounces
 * to the return-path.
 * Unverified, for its documents are not public: the server's name, its ports beside 465, its limits (its EHLO tells the size).
 */
import { z } from 'zod'
import { adapter, asItIs } from '../src/mail/adapter.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { credential, smtpSettings } from '../src/mail/settings.ts'

export default adapter(
  overSmtp({
    name: 'mysmtp',
    title: 'mySMTP, over SMTP',
    options: z.strictObject({
      user: credential('The user name of the relay, from the account page'),
      pass: credential('Its password'),
      ...smtpSettings('smtp.mysmtp.com'),
    }),
    // RFC 5321 section 4.5.3.1.8: every server takes this many recipients.
    features: { maxBytes: asItIs.maxBytes, maxRecipients: 100, returnPath: 'any' },
    login: ({ user, pass }) => ({ user, pass }),
  }),
)
