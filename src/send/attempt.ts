/** One try at one provider: the right carrier, the deadline, and an answer for every recipient. */
import type { Adapter, Handoff, MxSettings, SmtpRelay } from '../mail/adapter.ts'
import { cutShort, diagnostic, forAll, type Outcome, type Outcomes } from '../mail/outcome.ts'
import type { Provider } from '../mail/provider.ts'
import type { HttpCarrier } from './http.ts'

/** What does the I/O. Each answers for every recipient, and never throws for what the far end or the network did. */
export interface Carriers {
  http: Pick<HttpCarrier, 'send' | 'reconcile'>
  smtp: { deliver(handoff: Handoff, relay: SmtpRelay): Promise<Outcomes> }
  mx: { deliver(handoff: Handoff, settings: MxSettings): Promise<Outcomes> }
}

/** A moment for a carrier to notice the aborted signal and say how far it had come, before we must assume the worst. */
const grace = 1_000

/**
 * Hands mail to a provider. Resolves with an outcome for every recipient, within the handoff's timeout and a moment.
 * @param offer all of the handoff but its signal, which is the attempt's own: one timer serves both
 * @param guarded runs an adapter's work on the message's own bytes, before its first wait; see `queue/poison.ts`
 * @throws only for a bug in an adapter or a carrier
 */
export async function attempt(
  provider: Provider,
  offer: Omit<Handoff, 'signal'>,
  carriers: Carriers,
  guarded: <T>(call: () => T) => T,
): Promise<Outcomes> {
  const emails = offer.recipients.map(({ email }) => email)
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Outcomes>((resolve) => {
    timer = setTimeout(() => {
      const unanswered = diagnostic('timeout', `no answer in ${offer.timeout} ms`)
      timer = setTimeout(() => resolve(forAll(emails, { kind: 'unknown', diagnostic: unanswered })), grace)
      over.abort(new DOMException(unanswered.reason, 'TimeoutError'))
    }, offer.timeout)
  })
  try {
    // Not a copy: what is worked out only when asked for must stay so.
    const handoff: Handoff = Object.assign(offer, { signal: over.signal })
    const call = () => dispatch(provider, handoff, carriers)
    const { kind } = provider.adapter.send
    const outcomes = await Promise.race([kind === 'http' || kind === 'sdk' ? guarded(call) : call(), deadline])
    for (const email of emails) {
      if (!outcomes.has(email)) {
        outcomes.set(email, {
          kind: 'unknown',
          diagnostic: diagnostic('none', 'the answer does not mention this recipient'),
        })
      }
    }
    const hurried = over.signal.aborted && offer.timeout < provider.timeout
    return hurried ? new Map([...outcomes].map(([email, outcome]) => [email, hurry(outcome, offer.timeout)])) : outcomes
  } finally {
    clearTimeout(timer)
  }
}

/** An outcome that only says that time was up, where that was sooner than the provider's own: it had no fair chance. */
function hurry(outcome: Outcome, within: number): Outcome {
  if (!('diagnostic' in outcome) || !/^(timeout|ETIMEDOUT)$/.test(outcome.diagnostic.code)) return outcome
  const { diagnostic: said } = outcome
  return {
    ...outcome,
    diagnostic: { ...said, code: cutShort, reason: `was to take it within ${within} ms: ${said.reason}` },
  }
}

function dispatch({ adapter, options }: Provider, handoff: Handoff, carriers: Carriers): Promise<Outcomes> {
  const send: Adapter['send'] = adapter.send
  switch (send.kind) {
    case 'http':
    case 'sdk':
      return carriers.http.send(send, handoff, options)
    case 'smtp':
      return carriers.smtp.deliver(handoff, send.target(options))
    case 'mx':
      return carriers.mx.deliver(handoff, send.mx(options))
    case 'keep':
      return Promise.resolve(
        forAll(
          handoff.recipients.map(({ email }) => email),
          { kind: 'accepted', providerMessageId: handoff.message.id },
        ),
      )
  }
}
