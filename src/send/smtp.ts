/** The carrier to a relay: a vendor's or a network's own SMTP server. */
import type { Handoff, SmtpRelay } from '../mail/adapter.ts'
import { forAll, type Outcomes } from '../mail/outcome.ts'
import { headerLines, outgoing } from './outgoing.ts'
import { type Delivered, deliverOver } from './smtp-delivery.ts'
import { openSession } from './smtp-open.ts'
import { SmtpPool } from './smtp-pool.ts'
import { failed, isFailure } from './smtp-reply.ts'

export interface SmtpCarrier {
  /**
   * Sends one message through `relay` and answers for every recipient. Ends when `handoff.signal` aborts at the latest.
   * Connections are kept by the relay object itself: hand in the same one for the same provider.
   * @throws whatever reading the content throws, before anything was sent
   */
  deliver(handoff: Handoff, relay: SmtpRelay): Promise<Outcomes>
  /** Closes the idle connections; later deliveries are deferred. */
  close(): Promise<void>
}

/** Milliseconds between two looks for idle connections. */
const sweepEvery = 10_000

export function smtpCarrier(): SmtpCarrier {
  const pools = new Map<SmtpRelay, SmtpPool>()
  const sweeper = setInterval(() => {
    for (const [relay, pool] of pools) if (pool.sweep(performance.now())) pools.delete(relay)
  }, sweepEvery).unref()
  let closed = false

  function poolOf(relay: SmtpRelay): SmtpPool {
    let pool = pools.get(relay)
    if (!pool) {
      pool = new SmtpPool(relay.connections, (signal) => openSession(relay, signal))
      if (closed) pool.close()
      else pools.set(relay, pool)
    }
    return pool
  }

  return {
    async deliver(handoff, relay) {
      const { message, signal } = handoff
      const out = await outgoing(handoff, headerLines(relay.headers?.(handoff) ?? []))
      const pool = poolOf(relay)
      const outcomes: Outcomes = new Map()
      let recipients = handoff.recipients
      for (let again = false; recipients.length > 0; again = true) {
        const session = await pool.take(signal, again)
        if (isFailure(session)) {
          const emails = recipients.map((recipient) => recipient.email)
          return new Map([...outcomes, ...forAll(emails, failed(session, 'relay'))])
        }
        const kept = session.used
        let delivered: Delivered
        try {
          delivered = await deliverOver(session, { message, recipients, outgoing: out, far: 'relay', signal })
        } finally {
          pool.give(session)
        }
        for (const [email, outcome] of delivered.outcomes) outcomes.set(email, outcome)
        // A connection that had been idle may have been closed by the relay meanwhile; that is worth one new one.
        recipients = kept && !again ? delivered.unsent : []
      }
      return outcomes
    },
    async close() {
      closed = true
      clearInterval(sweeper)
      for (const pool of pools.values()) pool.close()
    },
  }
}
