/**
 * Postmastery Delivery Analytics, in the form of its Halon integration (https://github.com/halon-extras/postmastery), the only one
 * whose form is public. What it answers is not documented: any 2xx is taken for a yes.
 */
import { z } from 'zod'
import { domainOf } from '../src/mail/address.ts'
import type { EventType } from '../src/mail/event.ts'
import { type DeliveryRecord, exporter } from '../src/mail/exporter.ts'
import { baseUrl, credential } from '../src/mail/settings.ts'
import { digest, hex } from '../src/mail/signature.ts'

const options = z.strictObject({
  apiKey: credential('The API key that Postmastery gave you'),
  datasetId: z
    .string()
    .regex(/^[\w.-]+$/, 'must be the dataset’s id alone')
    .describe('The id of the dataset, the last part of its address'),
  redact: z.boolean().default(false).describe('Whether recipients are told by their domain alone'),
  baseUrl: baseUrl('https://app.postmastery.eu'),
})
type Options = z.output<typeof options>

const statuses: Partial<Record<EventType, string>> = {
  delivered: 'delivered',
  deferred: 'delayed',
  bounced: 'failed',
  rejected: 'failed',
  expired: 'removed',
  canceled: 'removed',
}

export default exporter<Options>({
  name: 'postmastery',
  title: 'Postmastery Delivery Analytics',
  options,
  types: Object.keys(statuses) as EventType[],
  // As its own reference configuration has them.
  most: 500,
  every: 60_000,

  async request(records, { apiKey, datasetId, redact, baseUrl }, hostname) {
    const body = await Promise.all(records.map((record) => row(record, hostname, redact)))
    return {
      url: `${baseUrl.replace(/\/+$/, '')}/v1/halonmta/${datasetId}`,
      headers: { authorization: apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
  },

  meaning(status) {
    if (status >= 200 && status < 300) return 'taken'
    if (status === 400 || status === 413 || status === 422) return 'split'
    if (status === 401 || status === 403 || status === 404) return 'stop'
    return 'later'
  },
})

async function row({ event, message, attempt }: DeliveryRecord, hostname: string, redact: boolean) {
  const status = statuses[event.type]!
  return {
    type: 'SMTP',
    hostname,
    eventid: await uuid(event.id),
    messageid: message.id,
    ts_attempt: seconds(attempt?.at ?? event.at),
    ts_received: seconds(message.acceptedAt),
    status,
    ...(status === 'delayed' || status === 'failed' ? outcome({ event, message, attempt }, redact) : {}),
    sender: message.returnPath,
    recipient_localpart: redact ? '*****' : event.recipient.slice(0, event.recipient.lastIndexOf('@')),
    recipient_domain: domainOf(event.recipient),
    size: message.size,
  }
}

/** An SMTP reply as such; a vendor's answer, or none, as an error. */
function outcome({ event, attempt }: DeliveryRecord, redact: boolean) {
  const text = (reason: string) => (redact ? reason.replace(/[^\s<]+@([a-zA-Z0-9-.]{3,})/g, '*****@$1') : reason)
  const said = attempt?.said
  if (
    said &&
    (said.status !== undefined || /^(?:421|4[35]\d|5[35]\d)$/.test(said.code)) &&
    /^[245]\d\d$/.test(said.code)
  )
    return { result_code: Number(said.code), result_enhanced: said.status ?? '', result_reason: text(said.reason) }
  return { error_temporary: event.type === 'deferred', error_message: text(said?.reason ?? event.detail ?? '') }
}

/** The same for the same event, so that what comes twice can be known: a digest in the form of a UUID (RFC 9562, version 8). */
async function uuid(id: string): Promise<string> {
  const bytes = (await digest('SHA-256', id)).slice(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function seconds(at: number): number {
  return Math.floor(at / 1000)
}
