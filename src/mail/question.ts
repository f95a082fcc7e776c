/** Asking a vendor something beside sending: what became of a mail, whom it mails no more. */
import type { VendorSuppression } from './adapter.ts'
import type { Fetch } from './fetch.ts'
import type { SuppressionReason } from './suppression.ts'
import { instant, object, text } from './webhook.ts'

/**
 * The vendor's answer to a question, read as JSON.
 * @param url under the API's address, with its query
 * @param body for a question that is posted
 * @param reading what to make of the text before it is read
 * @throws Error in words for people when the answer is no success, or no JSON
 */
export async function ask(
  fetch: Fetch,
  url: string,
  headers: Record<string, string>,
  body?: unknown,
  reading: (json: string) => string = (json) => json,
): Promise<unknown> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { accept: 'application/json', ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return readJson(response, new URL(url).pathname, reading)
}

/** The vendor's answer about something by its name; null where it has no such thing (404). @throws Error as `ask` does */
export async function askIfThere(fetch: Fetch, url: string, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(url, { headers: { accept: 'application/json', ...headers } })
  return response.status === 404 ? null : readJson(response, new URL(url).pathname)
}

/** A vendor's answer as JSON. @throws Error in words for people when it is no success, or no JSON */
export async function readJson(
  response: Response,
  path: string,
  reading: (json: string) => string = (json) => json,
): Promise<unknown> {
  const answer = await response.text()
  if (!response.ok) throw new Error(`the vendor answered ${response.status} to ${path}: ${answer.slice(0, 200)}`)
  try {
    return JSON.parse(reading(answer))
  } catch {
    throw new Error(`the vendor's answer to ${path} is not JSON`)
  }
}

/** The objects of a list; none when it is no list. */
export function objectsIn(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(object).filter((entry) => entry !== null) : []
}

/** The objects of a list that must be one. @throws Error when it is none */
export function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) throw new Error("the vendor's answer is not a list")
  return objectsIn(value)
}

/**
 * Every entry of a list that is asked for by `limit` and `offset`.
 * @param page one page of it: a JSON list
 */
export async function* byOffset(
  limit: number,
  page: (query: string) => Promise<unknown>,
): AsyncGenerator<Record<string, unknown>> {
  for (let offset = 0; ; offset += limit) {
    const entries: unknown = await page(`limit=${limit}&offset=${offset}`)
    yield* listOf(entries)
    if ((entries as unknown[]).length < limit) return
  }
}

/** One address that a vendor mails no more; none where there is no address in it. */
export function suppression(email: unknown, reason: SuppressionReason, at: unknown): VendorSuppression[] {
  const address = text(email)
  return address === null ? [] : [{ email: address, reason, at: instant(at) }]
}
