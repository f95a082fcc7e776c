import assert from 'node:assert/strict'
import { it } from 'node:test'
import { messageStatus, type RecipientStatus } from '../../src/mail/message.ts'

const cases: [RecipientStatus[], string][] = [
  [['queued', 'delivered', 'sending'], 'queued'],
  [['scheduled'], 'queued'],
  [['deferred', 'held'], 'queued'],
  [['sending', 'held', 'sent'], 'sending'],
  [['held', 'sent', 'bounced'], 'held'],
  [['sent', 'delivered', 'complained'], 'sent'],
  [['sent', 'bounced'], 'partial'],
  [['delivered', 'canceled'], 'partial'],
  [['canceled', 'canceled'], 'canceled'],
  [['canceled', 'failed'], 'failed'],
  [['bounced', 'suppressed', 'expired', 'failed'], 'failed'],
  [[], 'failed'],
]

for (const [recipients, status] of cases) {
  it(`a message whose recipients are ${recipients.join(', ') || 'none'} is ${status}`, () => {
    assert.equal(messageStatus(recipients), status)
    assert.equal(messageStatus(recipients.toReversed()), status)
  })
}
