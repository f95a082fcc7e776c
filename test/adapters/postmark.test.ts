import { suppressionChecks } from '../support/vendor-checks/questions.ts'
import postmark from './postmark.ts'

const at = Date.UTC(2019, 11, 17, 13, 58, 33)

suppressionChecks(postmark, [
  { email: 'leaver@example.com', reason: 'unsubscribe', at },
  { email: 'ours@example.com', reason: 'manual', at },
  { email: 'gone@example.com', reason: 'bounce', at },
  { email: 'cross@example.com', reason: 'complaint', at },
])
