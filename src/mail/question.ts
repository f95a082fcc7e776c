/** Asking a vendor something beside sending: what became of a mail, whom it mails no more. */
import type { Fetch } from './adapter.ts'

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
  const { pathname } = new URL(url)
  const answer = await response.text()
  if (!response.ok) throw new Error(`it answered ${response.status} to ${pathname}: ${answer.slice(0, 200)}`)
  try {
    return JSON.parse(reading(answer))
  } catch {
    throw new Error(`its answer to ${pathname} is not JSON`)
  }
}

/** Where the API is, without a slash at its end. */
export function under(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '')
}

/** The objects of a list; none when it is no list. */
export function objectsIn(value: unknown): Record<string, unknown>[] {
  const entries: unknown[] = Array.isArray(value) ? value : []
  return entries.filter(
    (entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null && !Array.isArray(entry),
  )
}
