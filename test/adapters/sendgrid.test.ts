import { sendgridLists } from '../support/fake-vendors/sendgrid.ts'
import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import sendgrid from './sendgrid.ts'

const reasons = [
  ['bounces', 'bounce'],
  ['invalid_emails', 'bounce'],
  ['spam_reports', 'complaint'],
  ['unsubscribes', 'unsubscribe'],
] as const

suppressionChecks(
  sendgrid,
  reasons.flatMap(([list, reason]) =>
    sendgridLists[list]!.map(({ email, created }) => ({ email, reason, at: created * 1000 })),
  ),
)
