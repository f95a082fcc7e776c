/** What a vendor tells of a mail that it took: a sample of its fixture, aimed at that mail. */
import type { HookCall, ProviderEvent, ProviderEventType } from '../../src/mail/webhook.ts'
import { message, type VendorData } from '../adapters/fixture.ts'

/** A kind of event, as this vendor tells it. */
export interface Telling {
  type: ProviderEventType
  /**
   * By what the mail is found before the vendor's own id is known: by our id, which it bears; where it bears no id at all by its
   * recipient, as long as the vendor is who has it; by nothing.
   */
  finds: 'always' | 'while it has it' | 'never'
  /** The call about the mail with our id `id` to `to`, which has the vendor's id `vendorsId`, made now. */
  about(mail: { id: string; to: string; vendorsId: string }): Promise<HookCall>
}

type Sample = Omit<ProviderEvent, 'key'>

/** How the vendor tells of this; null when it does not. */
export function telling({ adapter, hooks, options }: VendorData, type: ProviderEventType): Telling | null {
  const cases = hooks?.cases.filter(({ events }) => events.some((event) => event.type === type)) ?? []
  const sampleOf = ({ events }: { events: Sample[] }) => events.find((event) => event.type === type)!
  const chosen = cases.find((one) => sampleOf(one).messageId === message.id) ?? cases[0]
  if (!hooks || !chosen) return null
  const sample = sampleOf(chosen)
  const settings = adapter.options.parse({ ...(options('https://vendor.example') as object), ...hooks.options })
  const keys = (call: HookCall) => adapter.webhook!.read(call, settings).map(({ key }) => key)
  const alone = alongside(chosen, sample)
  return {
    type,
    finds: sample.messageId !== null ? 'always' : sample.providerMessageId === null ? 'while it has it' : 'never',
    async about({ id, to, vendorsId }) {
      let body = put(alone, message.id, id)
      body = put(body, sample.recipient, to)
      body = put(body, sample.providerMessageId, vendorsId)
      const [first] = keys(await hooks.call(alone))
      const aimed = await hooks.call(body, Date.now())
      if (!keys(aimed).includes(first!)) return aimed
      // The vendor numbers its events: this one is another.
      const [number] = first!.split('|')
      return hooks.call(put(body, number!, `${number}-${id}`), Date.now())
    },
  }
}

/** The event alone, where others stand beside it in a list. */
function alongside({ body, events }: { body: unknown; events: Sample[] }, sample: Sample): unknown {
  return Array.isArray(body) && body.length === events.length ? [body[events.indexOf(sample)]] : body
}

/** The body with `is` in the place of `was`, wherever that stands by itself. */
function put(body: unknown, was: string | null, is: string): unknown {
  if (was === null) return body
  const literally = was.replace(/[^\w-]/g, '\\$&')
  const json = JSON.stringify(body).replaceAll(new RegExp(`(?<![\\w.-])${literally}(?![\\w-])`, 'g'), () => is)
  return JSON.parse(json)
}
