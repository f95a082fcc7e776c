/** The HTTP roads in: one message, many messages, and what would become of one. */
import { z } from '@hono/zod-openapi'
import { mediaType, readBody } from './body.ts'
import { type Api, type Ask, answer, type HttpParts } from './endpoint.ts'
import { keyed, keyHeader, keyOf } from './idempotency.ts'
import { parseJson } from './json.ts'
import { message } from './message-schema.ts'
import { readMessage } from './payload.ts'
import { fieldErrors, fieldProblems, problem, problemOf } from './problem.ts'
import { envelope, readRaw } from './raw-http.ts'
import { type RefusalCode, refusalOf } from './refusals.ts'
import type { Door } from './submit.ts'
import { explainedAhead, explainedBefore, receipt } from './views.ts'

const mostMessages = 1000

const replayed = z.object({ 'Idempotency-Replayed': z.enum(['true']).optional() })

const example = {
  from: 'Ann <ann@example.com>',
  to: ['bob@example.net'],
  subject: 'Your receipt',
  text: 'Thank you.',
}

/** A batch as it is checked at first: each message is then checked by itself, so that one bad one spoils no other. */
const batch = z.strictObject({ messages: z.array(z.unknown()).min(1).max(mostMessages) })
const batchOfMessages = batch.extend({ messages: z.array(message).min(1).max(mostMessages) }).openapi('Batch')
const batchAnswer = z
  .object({
    messages: z.array(z.union([receipt.pick({ id: true, status: true }), z.object({ error: problem })])),
  })
  .openapi('BatchReceipt')

const taken = ['application/json', 'message/rfc822']
const body = { 'application/json': { schema: message, example }, 'message/rfc822': { schema: z.string() } }
const rawDescription =
  'Raw mail (`message/rfc822`) has its envelope in the query, else in its headers, and is steered by `X-Waypost-` headers.'
const unfit: RefusalCode[] = [
  ...(['malformed', 'from_not_allowed', 'too_large', 'media_type'] as const),
  ...(['invalid_address', 'invalid_content', 'too_many_recipients'] as const),
]

/** Adds the endpoints that take mail. */
export function sending(api: Api, parts: HttpParts): void {
  const { door } = parts

  /** The message that is asked for, in JSON or raw. */
  async function read({ c, sender, query }: Ask<typeof envelope>, spool: Pick<Door, 'keep' | 'drop'>) {
    const request = c.req.raw
    const raw = mediaType(request.headers, taken) === 'message/rfc822'
    const key = keyOf(request.headers)
    const { maxSize } = parts.config().http
    const now = parts.clock()
    if (raw) return readRaw(spool, { request, sender, query, key, maxSize, now, foreign: parts.foreign })
    const [field] = Object.keys(query)
    if (field)
      throw fieldProblems('invalid', [{ pointer: `/${field}`, detail: 'Only raw mail has this in its query.' }])
    const json = await readBody(request, maxSize)
    return keyed(readMessage(parseJson(json), sender, now), key, json)
  }

  api.on(
    {
      method: 'post',
      path: '/v1/messages',
      scope: 'send',
      summary: 'Send a message',
      description: `Answers only after the message is durable. ${rawDescription}`,
      query: envelope,
      headers: keyHeader,
      body,
      answers: {
        202: { description: 'Taken', content: { 'application/json': { schema: receipt } }, headers: replayed },
      },
      refusals: [...unfit, 'mail_loop', 'in_flight', 'idempotency_reused', 'rate', 'stopping', 'full'],
    },
    async (ask) => {
      door.ready()
      const submission = await read(ask, door)
      const { content } = submission
      try {
        const { replayed, ...receipt } = await door.submit(submission)
        const again: Record<string, string> = replayed ? { 'idempotency-replayed': 'true' } : {}
        return answer(202, receipt, { location: `/v1/messages/${receipt.id}`, ...again })
      } catch (error) {
        if (content.form === 'raw' && 'spool' in content.bytes) await door.drop(content.bytes.spool)
        throw error
      }
    },
  )

  api.on(
    {
      method: 'post',
      path: '/v1/messages/batch',
      scope: 'send',
      summary: `Send up to ${mostMessages} messages`,
      description:
        'Each is taken or refused by itself, and answered in order. An Idempotency-Key stands for each message with its place.',
      headers: keyHeader,
      body: { 'application/json': { schema: batchOfMessages, example: { messages: [example] } } },
      answers: {
        202: { description: 'Each one taken, or refused', content: { 'application/json': { schema: batchAnswer } } },
      },
      refusals: ['malformed', 'too_large', 'media_type', 'stopping', 'full'],
    },
    async (ask) => {
      mediaType(ask.c.req.raw.headers, ['application/json'])
      const key = keyOf(ask.c.req.raw.headers)
      door.ready()
      const parsed = batch.safeParse(parseJson(await readBody(ask.c.req.raw, parts.config().http.maxSize)))
      if (!parsed.success) {
        throw fieldProblems('invalid', fieldErrors(parsed.error.issues))
      }
      // All are submitted in one turn, so that the store can commit them together.
      const receipts = await Promise.all(
        parsed.data.messages.map(async (item, index) => {
          try {
            const submission = readMessage(item, ask.sender, parts.clock())
            return await door.submit(keyed(submission, key && `${key}#${index}`, JSON.stringify(item)))
          } catch (error) {
            const refusal = refusalOf(error)
            if (refusal === null) parts.log.error({ err: error }, 'a message of a batch met a bug')
            return { error: problemOf(refusal) }
          }
        }),
      )
      const messages = receipts.map((one) => ('error' in one ? one : { id: one.id, status: one.status }))
      const again = receipts.every((one) => 'error' in one || one.replayed) && receipts.some((one) => 'id' in one)
      return answer(202, { messages }, again ? { 'idempotency-replayed': 'true' } : {})
    },
  )

  api.on(
    {
      method: 'post',
      path: '/v1/explain',
      scope: 'send',
      summary: 'Say which providers a message would take, and why',
      description: `Takes a message as \`POST /v1/messages\` does. Nothing is sent or kept. ${rawDescription}`,
      query: envelope,
      body,
      answers: { 200: { description: 'The plan', content: { 'application/json': { schema: explainedAhead } } } },
      refusals: unfit,
    },
    async (ask) => {
      const submission = await read(ask, nowhere)
      return answer(200, explainedBefore(await parts.operations.explain(submission)))
    },
  )
}

/** Where the content goes of what is only explained. */
const nowhere = { keep: async () => {}, drop: async () => {} }
