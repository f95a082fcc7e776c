import emailsuccess from '../../adapters/emailsuccess.ts'
import type { SmtpVendorData } from './fixture.ts'

export default {
  adapter: emailsuccess,
  smtp: {
    options: { host: 'mta.example.com', user: 'waypost', pass: 'fake-emailsuccess-password' },
    server: ['mta.example.com', 587],
    user: 'waypost',
  },
} satisfies SmtpVendorData
