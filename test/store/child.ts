/**
 * A process that works on a store until it is killed or the store fails: `node child.ts <path>`. Prints what was acknowledged,
 * a line each: `accepted <message>`, `recorded <attempt> <message>`, `settled <message>`; `failed <error>` for what was refused.
 */
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { accepted, attempt, bytes, claimAll, settlement } from './mail.ts'

const store = await openSqlite({ path: process.argv[2]! })
const say = (...words: string[]) => process.stdout.write(`${words.join(' ')}\n`)
const content = bytes('x'.repeat(5000))

async function accept(): Promise<void> {
  for (;;) say('accepted', await accepted(store, { content }))
}

async function send(): Promise<void> {
  for (;;) {
    for (const claim of await claimAll(store)) {
      const made = attempt(claim)
      await store.record(made)
      say('recorded', made.id, claim.message.id)
      if (claim.id % 3 === 0) continue
      const ended = { id: made.id, endedAt: made.at + 5, outcomes: [] }
      await store.settle(settlement(claim, 'sent', { attempt: ended }))
      say('settled', claim.message.id)
    }
  }
}

const report = (error: Error) => say('failed', error.name, error.message)
say('open')
await Promise.all([accept().catch(report), accept().catch(report), accept().catch(report), send().catch(report)])
await store.setState('x', 1).catch(report)
await store.close()
