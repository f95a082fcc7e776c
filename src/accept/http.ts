/** The HTTP roads in: one message, many messages, and what would become of one. */
import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { mediaType, readBody } from './body.ts'
import { type Api, type Ask, answer, type HttpParts } from './endpoint.ts'
import { parseJson } from './json.ts'
import { message } from './message-schema.ts'
import { readMessage } from './payload.ts'
import { fieldErrors, problem, problemOf, refusalOf } from './problem.ts'
import { Refusal } from './refusals.ts'
import type { Receipt } from './submit.ts'
import { explained, explanation, receipt } from './views.ts'

const mostMessages = 1000

const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .regex(/^[!-~]{1,255}$/)
    .optional()
    .openapi({ description: 'The same key and request again give the first answer again, and nothing is sent twice.' }),
})
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

/** Adds the endpoints that take mail. */
export function sending(api: Api, parts: HttpParts): void {
  const { door } = parts
  const readJson = (ask: Ask<z.ZodObject>) => readBody(ask.c.req.raw, parts.config().http.maxSize)

  api.on(
    {
      method: 'post',
      path: '/v1/messages',
      scope: 'send',
      summary: 'Send a message',
      description: 'Answers only after the message is durable.',
      headers: idempotency,
      body: { 'application/json': { schema: message, example } },
      answers: {
        202: { description: 'Taken', content: { 'application/json': { schema: receipt } }, headers: replayed },
      },
      refusals: [
        'malformed',
        'from_not_allowed',
        'in_flight',
        'too_large',
        'media_type',
        'invalid_address',
        'too_many_recipients',
        'idempotency_reused',
        'rate',
        'stopping',
        'full',
      ],
    },
    async (ask) => {
      mediaType(ask.c.req.raw.headers, ['application/json'])
      const key = idempotencyKey(ask.c.req.raw.headers)
      door.ready()
      const body = await readJson(ask)
      const submission = readMessage(parseJson(body), ask.sender, parts.clock())
      if (key !== null) Object.assign(submission, { idempotencyKey: key, digest: digest('application/json', '', body) })
      return taken(await door.submit(submission))
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
      headers: idempotency,
      body: { 'application/json': { schema: batchOfMessages, example: { messages: [example] } } },
      answers: {
        202: { description: 'Each one taken, or refused', content: { 'application/json': { schema: batchAnswer } } },
      },
      refusals: ['malformed', 'too_large', 'media_type', 'stopping', 'full'],
    },
    async (ask) => {
      mediaType(ask.c.req.raw.headers, ['application/json'])
      const key = idempotencyKey(ask.c.req.raw.headers)
      door.ready()
      const parsed = batch.safeParse(parseJson(await readJson(ask)))
      if (!parsed.success) {
        throw new Refusal('invalid', 'The batch is wrong.', { errors: fieldErrors(parsed.error.issues) })
      }
      // All are submitted in one turn, so that the store can commit them together.
      const receipts = await Promise.all(
        parsed.data.messages.map(async (item, index) => {
          try {
            const submission = readMessage(item, ask.sender, parts.clock())
            if (key !== null) {
              Object.assign(submission, {
                idempotencyKey: `${key}#${index}`,
                digest: digest('application/json', '', JSON.stringify(item)),
              })
            }
            return await door.submit(submission)
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
      description: 'Takes a message as `POST /v1/messages` does. Nothing is sent or kept.',
      body: { 'application/json': { schema: message, example } },
      answers: { 200: { description: 'The plan', content: { 'application/json': { schema: explanation } } } },
      refusals: ['malformed', 'from_not_allowed', 'too_large', 'media_type', 'invalid_address', 'too_many_recipients'],
    },
    async (ask) => {
      mediaType(ask.c.req.raw.headers, ['application/json'])
      const submission = readMessage(parseJson(await readJson(ask)), ask.sender, parts.clock())
      return answer(200, explained((await parts.operations.explain(submission)).plans))
    },
  )
}

function taken(receipt: Receipt): Response {
  const { id, status, recipients, replayed } = receipt
  return answer(
    202,
    { id, status, recipients },
    { location: `/v1/messages/${id}`, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) },
  )
}

/** @throws Refusal `malformed` for a key that is not 1 to 255 visible ASCII characters */
function idempotencyKey(headers: Headers): string | null {
  const key = headers.get('idempotency-key')
  if (key !== null && !/^[!-~]{1,255}$/.test(key)) {
    throw new Refusal('malformed', 'An Idempotency-Key has 1 to 255 visible ASCII characters.')
  }
  return key
}

/** What an idempotency key stands for: all that the client asked. */
function digest(contentType: string, query: string, body: Uint8Array | string): string {
  return createHash('sha256').update(`${contentType}\n${query}\n`).update(body).digest('hex')
}
