import mysmtp from '../../adapters/mysmtp.ts'
import type { SmtpVendorData } from './fixture.ts'

export default {
  adapter: mysmtp,
  smtp: {
    options: { user: 'relay-user', pass: 'fake-mysmtp-password' },
    server: ['smtp.mysmtp.com', 587],
    user: 'relay-user',
  },
} satisfies SmtpVendorData
