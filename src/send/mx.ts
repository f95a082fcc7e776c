/** The carrier straight to the recipients' own MX: RFC 5321 section 5, one transaction or more for each domain. */

import type { Handoff, MxSettings } from '../mail/adapter.ts'
import { domainOf } from '../mail/address.ts'
import type { Recipient } from '../mail/message.ts'
import { diagnostic, forAll, type Outcome, type Outcomes } from '../mail/outcome.ts'
import { DkimError, keysFor, signatures } from './dkim.ts'
import type { Unanswered } from './dns.ts'
import { type MxHosts, mxHosts } from './mx-hosts.ts'
import { type Outgoing, outgoing } from './outgoing.ts'
import { type Delivered, deliverOver } from './smtp-delivery.ts'
import { failed, isFailure } from './smtp-reply.ts'

export interface MxCarrier {
  /**
   * Signs the message, finds each recipient's MX, and hands it over. Answers for every recipient; ends when `handoff.signal`
   * aborts at the latest. Connections are kept by the settings object: hand in the same one for the same provider.
   * @throws whatever reading the content throws, before anything was sent
   */
  deliver(handoff: Handoff, settings: MxSettings): Promise<Outcomes>
  /** Closes the idle connections; later deliveries are deferred. */
  close(): Promise<void>
}

/** Milliseconds between two looks for idle connections. */
const sweepEvery = 10_000

export function mxCarrier(): MxCarrier {
  const known = new Map<MxSettings, MxHosts>()
  const sweeper = setInterval(() => {
    for (const [settings, hosts] of known) if (hosts.sweep(performance.now())) known.delete(settings)
  }, sweepEvery).unref()
  let closed = false

  function hostsOf(settings: MxSettings): MxHosts {
    let hosts = known.get(settings)
    if (!hosts) {
      hosts = mxHosts(settings)
      known.set(settings, hosts)
      if (closed) hosts.close()
    }
    return hosts
  }

  return {
    async deliver(handoff, settings) {
      const hosts = hostsOf(settings)
      const keys = keysFor(settings.dkim, domainOf(handoff.message.from.email))
      const plain = await outgoing(handoff, '')
      let signed: Outgoing
      try {
        signed = keys.length === 0 ? plain : await outgoing(handoff, await signatures(plain.content(), keys))
      } catch (error) {
        if (!(error instanceof DkimError)) throw error
        const said = diagnostic('EDKIM', error.message)
        const emails = handoff.recipients.map((recipient) => recipient.email)
        return forAll(emails, { kind: 'deferred', cause: 'identity', diagnostic: said })
      }
      const domains = Map.groupBy(handoff.recipients, (recipient) => domainOf(recipient.email))
      const parts = await Promise.all(
        [...domains].map(([domain, recipients]) => toDomain(hosts, handoff, signed, domain, recipients)),
      )
      return new Map(parts.flatMap((outcomes) => [...outcomes]))
    },
    async close() {
      closed = true
      clearInterval(sweeper)
      for (const hosts of known.values()) hosts.close()
    },
  }
}

/** Tries the domain's hosts in order until one has answered for everyone. An answer, also a no, is not asked for elsewhere. */
async function toDomain(
  hosts: MxHosts,
  { message, signal }: Handoff,
  out: Outgoing,
  domain: string,
  all: Recipient[],
): Promise<Outcomes> {
  const outcomes: Outcomes = new Map()
  let recipients = all
  const conclude = (outcome: Outcome) => {
    for (const recipient of recipients) outcomes.set(recipient.email, outcome)
    return outcomes
  }
  const found = await hosts.exchangers(domain, signal)
  if (found.kind === 'null') return conclude(rejected('5.1.10', `${domain} takes no mail (RFC 7505)`))
  if (found.kind === 'none') return conclude(rejected('5.1.2', `${domain} does not exist, or has no mail server`))
  if (found.kind === 'unanswered') return conclude(unanswered(found, domain))
  conclude(rejected('5.4.4', `${domain} names no mail server that we may connect to`))
  for (const host of found.hosts) {
    for (let again = false; ; again = true) {
      const session = await hosts.take(host, signal, again)
      if ('kind' in session) {
        // Words about an earlier host say more than that this one must not be tried.
        if (session.kind !== 'private') conclude(unanswered(session, host))
        break
      }
      if (isFailure(session)) {
        conclude(failed(session, 'mx'))
        break
      }
      const kept = session.used
      let delivered: Delivered
      try {
        delivered = await deliverOver(session, { message, recipients, outgoing: out, far: 'mx', signal })
      } finally {
        hosts.give(host, session)
      }
      for (const [email, outcome] of delivered.outcomes) outcomes.set(email, outcome)
      recipients = delivered.unsent
      // A kept connection may have been closed meanwhile: that is worth a new one to the same host.
      if (recipients.length === 0 || !kept || again) break
    }
    if (recipients.length === 0 || signal.aborted) break
  }
  return outcomes
}

function rejected(status: string, reason: string): Outcome {
  return { kind: 'rejected', cause: 'recipient', diagnostic: diagnostic(550, reason, status) }
}

function unanswered({ code, network }: Unanswered, name: string): Outcome {
  const said = diagnostic(code, `DNS gave no answer for ${name}`, '4.4.3')
  return { kind: 'deferred', cause: network ? 'network' : 'host', diagnostic: said }
}
