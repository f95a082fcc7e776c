/**
 * EmailSuccess, Diennea's mail server that its customers run themselves: spoken to in SMTP, over TLS, with or without a login.
 * A server without TLS is `smtp`'s to speak to. Its other ways in are documented to customers alone; what became of mail comes
 * back as bounces to the return-path.
 * Unverified: which port and limits it is set up with.
 */
import { z } from 'zod'
import { adapter, asItIs } from '../src/mail/adapter.ts'
import { overSmtp } from '../src/mail/over-smtp.ts'
import { credential, hostName, smtpSettings } from '../src/mail/settings.ts'

const options = z
  .strictObject({
    user: credential('For AUTH, where the server does not know us by our address').optional(),
    pass: credential('For AUTH').optional(),
    ...smtpSettings('localhost'),
    host: hostName.describe('The server, or the name of all nodes of its cluster'),
  })
  .refine(({ user, pass }) => (user === undefined) === (pass === undefined), {
    path: ['pass'],
    message: '`user` and `pass` go together',
  })

export default adapter(
  overSmtp({
    name: 'emailsuccess',
    title: 'EmailSuccess, over SMTP',
    options,
    // RFC 5321 section 4.5.3.1.8: every server takes this many recipients.
    features: { maxBytes: asItIs.maxBytes, maxRecipients: 100, returnPath: 'any' },
    login: ({ user, pass }) => (user === undefined || pass === undefined ? null : { user, pass }),
  }),
)
