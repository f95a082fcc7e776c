/**
 * Sessions with one server, kept open between messages. The pool only lends: it never sends, and so never sends again.
 */
import { broken, type Failure, isFailure } from './smtp-reply.ts'
import type { SmtpSession } from './smtp-session.ts'

/** Milliseconds after which a session that nobody needed is closed: well below the five minutes servers grant. */
const idleTime = 30_000

export class SmtpPool {
  #limit: number
  #open: (signal: AbortSignal) => Promise<SmtpSession | Failure>
  #idle: SmtpSession[] = []
  /** Lent out or being opened. */
  #busy = 0
  #waiting: (() => void)[] = []
  #closed = false

  /** @param limit sessions at once @param open makes a new one */
  constructor(limit: number, open: (signal: AbortSignal) => Promise<SmtpSession | Failure>) {
    this.#limit = limit
    this.#open = open
  }

  /**
   * Lends a session: the one used last if any is idle, else a new one; waits while all are lent.
   * @param fresh closes the idle ones first: when one of them was found dead, the others are no younger
   * @returns why there is none, when opening failed or `signal` aborted
   */
  async take(signal: AbortSignal, fresh = false): Promise<SmtpSession | Failure> {
    if (fresh) for (const stale of this.#idle.splice(0)) stale.quit()
    while (!this.#closed && !this.#idle.some((session) => session.open) && this.#busy >= this.#limit) {
      if (!(await this.#turn(signal))) return broken('connect', 'ETIMEDOUT', 'no connection became free in time')
    }
    if (this.#closed) return broken('connect', 'ECLOSED', 'we are stopping')
    this.#busy++
    for (let session = this.#idle.pop(); session; session = this.#idle.pop()) if (session.open) return session
    const session = await this.#open(signal)
    if (isFailure(session)) this.#left()
    return session
  }

  /** Takes a session back, in whatever state it is. */
  give(session: SmtpSession): void {
    if (this.#closed) session.quit()
    else if (session.open) {
      session.idleSince = performance.now()
      this.#idle.push(session)
    }
    this.#left()
  }

  #left(): void {
    this.#busy--
    this.#waiting.shift()?.()
  }

  /** Waits until a session is given back; false when the signal was first. */
  #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', stop)
        resolve(true)
      }
      const stop = () => {
        this.#waiting = this.#waiting.filter((waiter) => waiter !== go)
        resolve(false)
      }
      this.#waiting.push(go)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** Closes what was idle for long. @returns whether nothing is left, so that the pool itself can be forgotten */
  sweep(now: number): boolean {
    const old = this.#idle.filter((session) => !session.open || now - session.idleSince > idleTime)
    this.#idle = this.#idle.filter((session) => !old.includes(session))
    for (const session of old) session.quit()
    return this.#idle.length === 0 && this.#busy === 0
  }

  /** Says QUIT on what is idle; what is lent is closed by who has it. */
  close(): void {
    this.#closed = true
    for (const go of this.#waiting.splice(0)) go()
    for (const session of this.#idle.splice(0)) session.quit()
  }
}
