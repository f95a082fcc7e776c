import { mailgunLists } from '../support/fake-vendors/mailgun.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import mailgun from './mailgun.ts'

const at = Date.UTC(2025, 11, 11, 1, 49, 40)

suppressionChecks(mailgun, [
  ...mailgunLists.bounces!.map(({ address }) => ({ email: address, reason: 'bounce' as const, at })),
  { email: 'cross@example.com', reason: 'complaint', at },
  // Not the one that left some of our mail only.
  { email: 'leaver@example.com', reason: 'unsubscribe', at },
])
