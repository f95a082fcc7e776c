/** One try at one provider: the right carrier, the deadline, and an answer for every recipient. */
import type { Adapter, Handoff, MxSettings, SmtpRelay } from '../mail/adapter.ts'
import { diagnostic, forAll, type Outcomes } from '../mail/outcome.ts'
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
 * @param guarded runs the part of the call before its first wait; see `queue/poison.ts`
 * @throws only for a bug in an adapter or a carrier
 */
export async function attempt(
  provider: Provider,
  handoff: Handoff,
  carriers: Carriers,
  guarded: <T>(call: () => T) => T,
): Promise<Outcomes> {
  const emails = handoff.recipients.map(({ email }) => email)
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<Outcomes>((resolve) => {
    timer = setTimeout(
      () =>
        resolve(
          forAll(emails, { kind: 'unknown', diagnostic: diagnostic('timeout', `no answer in ${handoff.timeout} ms`) }),
        ),
      handoff.timeout + grace,
    )
  })
  try {
    const outcomes = await Promise.race([guarded(() => dispatch(provider, handoff, carriers)), deadline])
    for (const email of emails) {
      if (!outcomes.has(email)) {
        outcomes.set(email, {
          kind: 'unknown',
          diagnostic: diagnostic('none', 'the answer does not mention this recipient'),
        })
      }
    }
    return outcomes
  } finally {
    clearTimeout(timer)
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
