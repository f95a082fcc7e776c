/** Any SMTP relay: a vendor's submission server, or one of your own. */
import { z } from 'zod'
import { adapter, asItIs, type SmtpRelay } from '../src/mail/adapter.ts'

const options = z
  .strictObject({
    host: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?$/i, 'must be a host name or an IP address')
      .describe('The relay: its name or IP address.'),
    port: z.int().min(1).max(65_535).optional().describe('465 when `secure`, else 587.'),
    secure: z
      .boolean()
      .default(false)
      .describe('TLS from the first byte, as on port 465. Otherwise STARTTLS, by `tls`.'),
    tls: z
      .enum(['required', 'opportunistic', 'none'])
      .optional()
      .describe(
        'Whether STARTTLS must, may or must not be used. `required` when there is a `user`, else `opportunistic`.',
      ),
    verify: z
      .boolean()
      .default(true)
      .describe(
        'Whether the certificate must be valid for `host`, where TLS is a must. False only on closed networks.',
      ),
    user: z.string().min(1).optional().describe('For AUTH; sent over TLS only.'),
    pass: z.string().min(1).optional().describe('For AUTH; sent over TLS only.'),
    connections: z.int().min(1).max(1_000).default(10).describe('Connections kept open at most.'),
    hostname: z.hostname().optional().describe('The name we give in EHLO; the name of this machine otherwise.'),
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (given.secure && given.tls !== undefined)
      wrong('tls', 'does nothing beside `secure: true`; leave one of them out')
    if ((given.user === undefined) !== (given.pass === undefined)) {
      wrong(given.user === undefined ? 'user' : 'pass', 'is missing: `user` and `pass` go together')
    }
    if (given.user !== undefined && !given.secure && given.tls !== undefined && given.tls !== 'required') {
      wrong('tls', 'must be `required` beside `user`: credentials are never sent in the clear')
    }
  })
  .transform(
    ({ secure, port, tls, user, pass, hostname, ...rest }): SmtpRelay => ({
      ...rest,
      port: port ?? (secure ? 465 : 587),
      tls: secure ? 'implicit' : (tls ?? (user === undefined ? 'opportunistic' : 'required')),
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(hostname === undefined ? {} : { hostname }),
    }),
  )

export default adapter<SmtpRelay>({
  name: 'smtp',
  title: 'Any SMTP relay',
  options,
  // RFC 5321 section 4.5.3.1.8: every server takes this many.
  features: { ...asItIs, forms: ['raw'], maxRecipients: 100 },
  send: { kind: 'smtp', target: (relay) => relay },
})
