/** Reading a vendor's lists over its API: what those that give their suppressions share. */
import type { Fetch, VendorSuppression } from './adapter.ts'
import type { SuppressionReason } from './suppression.ts'
import { instant, object, text } from './webhook.ts'

/** What the vendor answers, as JSON. @throws Error with words for people when it gives none */
export async function listed(fetch: Fetch, url: string, headers: Record<string, string>): Promise<unknown> {
  const answer = await fetch(url, { headers: { accept: 'application/json', ...headers } })
  const body = await answer.text()
  if (!answer.ok)
    throw new Error(`the vendor answered ${answer.status} to ${new URL(url).pathname}: ${body.slice(0, 200)}`)
  try {
    return JSON.parse(body)
  } catch {
    throw new Error(`the vendor's answer to ${new URL(url).pathname} is not JSON`)
  }
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

/** The objects of a JSON list. @throws Error when it is none */
export function listOf(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) throw new Error("the vendor's answer is not a list")
  return value.map(object).filter((entry) => entry !== null)
}

/** One entry; none where no address is in it. */
export function suppression(email: unknown, reason: SuppressionReason, at: unknown): VendorSuppression[] {
  const address = text(email)
  return address === null ? [] : [{ email: address, reason, at: instant(at) }]
}
