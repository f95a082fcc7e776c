/** Idempotency keys: a request that comes again is answered as before, and nothing is sent twice. */
import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { Refusal } from './refusals.ts'
import type { Submission } from './submit.ts'

const form = /^[!-~]{1,255}$/

/** The header, for the reference. */
export const keyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .regex(form)
    .optional()
    .openapi({ description: 'The same key and request again give the first answer again, and nothing is sent twice.' }),
})

/** @throws Refusal `malformed` for a key that is not 1 to 255 visible ASCII characters */
export function checkKey(key: string): void {
  if (!form.test(key)) throw new Refusal('malformed', 'An Idempotency-Key has 1 to 255 visible ASCII characters.')
}

/** The request's key; null without. @throws Refusal `malformed` */
export function keyOf(headers: Headers): string | null {
  const key = headers.get('idempotency-key')
  if (key !== null) checkKey(key)
  return key
}

/** The submission under a key, which stands for the JSON that was asked. */
export function keyed(submission: Submission, key: string | null, json: Uint8Array | string): Submission {
  if (key === null) return submission
  const digest = createHash('sha256').update('application/json\n').update(json).digest('hex')
  return { ...submission, idempotencyKey: key, digest }
}
