import assert from 'node:assert/strict'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { anyone } from '../../src/accept/auth.ts'
import { openDoor, type RawContent } from '../../src/accept/submit.ts'
import { keptParts } from '../../src/mail/kept-parts.ts'
import type { Parts } from '../../src/mail/message.ts'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { temporary } from '../store/contract.ts'

const parts: Parts = {
  from: { email: 'ann@example.com' },
  to: [{ email: 'bob@example.net' }],
  cc: [],
  replyTo: [],
  subject: 'Hello',
  text: 'Hi',
  headers: [],
  attachments: [],
}

/** Hands parts to a door before a real store. @returns the message and the content as they are kept */
async function submitted(t: TestContext, given: Partial<Parts>, raw?: RawContent) {
  const store = await openSqlite({ path: join(await temporary(t), 'waypost.db') })
  const door = openDoor({
    rules: () => ({ types: { transactional: { priority: 'normal', expire: 60_000 } }, providers: [] }),
    store,
    clock: () => 1_000,
    closed: () => null,
    accepted() {},
    onward: { slot: () => null, wake() {} },
  })
  const { id } = await door.submit({
    sender: anyone,
    via: 'http',
    returnPath: 'ann@example.com',
    recipients: [{ email: 'bob@example.net' }],
    tags: [],
    metadata: {},
    smtpUtf8: false,
    dsn: {},
    content: raw ?? { form: 'parts', parts: { ...parts, ...given } },
  })
  const { message } = (await store.message(id, ''))!
  const bytes = await buffer(store.content(id))
  await store.close()
  return { message, bytes, kept: raw ? parts : keptParts(bytes) }
}

describe('the door', () => {
  it('takes a Message-ID out of the headers: it is the message’s own, and leaves once', async (t) => {
    const headers = [
      ['X-Order', '17'],
      ['message-Id', '<own@example.com>'],
    ] as const
    const { message, bytes, kept } = await submitted(t, { headers: [...headers] })
    assert.equal(message.messageId, '<own@example.com>')
    assert.deepEqual([message.headers, kept.headers], [[headers[0]], [headers[0]]])
    assert.equal(message.size, bytes.length)
  })

  it('counts who stands in Cc and in Reply-To, for not every vendor can show them all', async (t) => {
    const counts = async (given: Partial<Parts>, raw?: RawContent) => {
      const { cc, replyTo } = (await submitted(t, given, raw)).message
      return [cc, replyTo]
    }
    assert.deepEqual(await counts({}), [undefined, undefined])
    const two = [{ email: 'cleo@example.net' }, { email: 'dan@example.net' }]
    assert.deepEqual(await counts({ cc: two, replyTo: two.slice(1) }), [2, 1])
    const bytes = Buffer.from('To: bob@example.net\r\nCC: cleo@example.net\r\n\r\nhello\r\n')
    const raw: RawContent = {
      form: 'raw',
      headers: [
        ['To', 'bob@example.net'],
        ['CC', 'cleo@example.net'],
        ['reply-to', 'Help <help@example.net>, desk@example.net'],
      ],
      from: { email: 'ann@example.com' },
      subject: '',
      messageId: '<1@example.com>',
      size: bytes.length,
      attachments: 0,
      inline: 0,
      eightBit: false,
      bytes,
    }
    assert.deepEqual(await counts({}, raw), [1, 2])
  })

  it('makes a Message-ID under the domain of From where there is none', async (t) => {
    const { message } = await submitted(t, {})
    assert.equal(message.messageId, `<${message.id}@example.com>`)
  })
})
