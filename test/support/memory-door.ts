/** Our own near side in memory: a door that takes everything and remembers it. */
import { Refusal, type RefusalCode } from '../../src/accept/refusals.ts'
import type { Door, Receipt, Submission } from '../../src/accept/submit.ts'

export class MemoryDoor implements Door {
  readonly submissions: Submission[] = []
  readonly spools = new Map<string, Uint8Array[]>()
  readonly dropped: string[] = []
  /** What the next submission meets instead of a receipt. */
  failure: Error | null = null
  /** Receipts say that they are replayed. */
  replays = false
  /** What `ready` refuses with. */
  notReady: RefusalCode | null = null
  /** Held back until it resolves. */
  gate: Promise<void> = Promise.resolve()
  /** Submissions held back. */
  waiting = 0

  async submit(submission: Submission): Promise<Receipt> {
    this.waiting++
    await this.gate
    this.waiting--
    if (this.failure) throw this.failure
    this.submissions.push(submission)
    const recipients = submission.recipients.map(({ email }) => ({ email, status: 'queued' }))
    return { id: `msg_${this.submissions.length}`, replayed: this.replays, status: 'queued', recipients }
  }

  async keep(spool: string, piece: Uint8Array): Promise<void> {
    await this.gate
    this.spools.set(spool, [...(this.spools.get(spool) ?? []), piece])
  }

  async drop(spool: string): Promise<void> {
    this.dropped.push(spool)
    this.spools.delete(spool)
  }

  ready(): void {
    if (this.notReady) throw new Refusal(this.notReady, 'No room just now.')
  }

  /** The stored bytes of a submission. */
  bytes(submission: Submission): Buffer {
    const { content } = submission
    if (content.form !== 'raw') throw new Error('not raw')
    return 'spool' in content.bytes ? Buffer.concat(this.spools.get(content.bytes.spool)!) : Buffer.from(content.bytes)
  }
}
