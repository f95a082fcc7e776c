import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Parts, Recipient } from '../../src/mail/message.ts'
import { recipientAt, roles } from '../../src/mail/roles.ts'

const ann = { email: 'ann@y.test', name: 'Ann' }
const bob = { email: 'bob@y.test' }
const cy = { email: 'cy@y.test', name: 'Cy' }
const parts = { to: [ann, bob], cc: [cy] }

/** The handoff of a call for these addresses. */
function calling(...emails: string[]): { recipients: Recipient[] } {
  return {
    recipients: emails.map((email, index) => ({
      index,
      email,
      status: 'sending',
      provider: null,
      providerMessageId: null,
      dsn: {},
    })),
  }
}

describe('roles', () => {
  it('are those of the headers, and bcc for everyone else', () => {
    assert.deepEqual(roles(calling('di@y.test', 'cy@y.test', 'bob@y.test', 'ann@y.test'), parts), {
      to: [ann, bob],
      cc: [cy],
      bcc: [{ email: 'di@y.test' }],
    })
  })

  it('leave out who is not of this call', () => {
    assert.deepEqual(roles(calling('bob@y.test'), parts), { to: [bob], cc: [], bcc: [] })
  })

  it('move up where nobody is left in to', () => {
    assert.deepEqual(roles(calling('cy@y.test', 'di@y.test'), parts), {
      to: [cy],
      cc: [],
      bcc: [{ email: 'di@y.test' }],
    })
    assert.deepEqual(roles(calling('di@y.test'), parts), { to: [{ email: 'di@y.test' }], cc: [], bcc: [] })
  })

  it('name nobody twice', () => {
    assert.deepEqual(roles(calling('ann@y.test'), { to: [ann, ann], cc: [ann] }), { to: [ann], cc: [], bcc: [] })
  })

  it('tell whom a vendor means by a list and a place in it', () => {
    const letter = { ...parts, from: ann, replyTo: [], subject: '', headers: [], attachments: [] } satisfies Parts
    const asked = {
      ...calling('bob@y.test', 'cy@y.test', 'di@y.test'),
      content: { form: 'parts' as const, parts: letter },
    }
    const found = [
      ['to', '0'],
      ['Cc', '0'],
      ['bcc', '0'],
    ].map(([list, place]) => recipientAt(asked, list, place))
    assert.deepEqual(found, ['bob@y.test', 'cy@y.test', 'di@y.test'])
    for (const [list, place] of [['to', '1'], ['from', '0'], ['to', 'x'], ['constructor', '0'], []]) {
      assert.equal(recipientAt(asked, list, place), null)
    }
  })
})
