/** Who may come in while there are no keys: this machine alone, and from it no web page of elsewhere. */
import type { MiddlewareHandler } from 'hono'
import { problemAnswer } from './problem.ts'
import { Refusal } from './refusals.ts'

/**
 * While `open` says so, answers only what was asked under a name of this machine: else a page could point a name of its own at
 * 127.0.0.1 and read along (DNS rebinding). Paths that begin with `but` are for everybody.
 */
export function localOnly(open: () => boolean, but: string): MiddlewareHandler {
  return async (c, next) =>
    !open() || usual.test(c.req.url) || c.req.path.startsWith(but) || isLocal(c.req.url)
      ? next()
      : problemAnswer(misdirected())
}

/** What can be let in without being taken apart, which costs more. */
const usual = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?\//

/**
 * Takes nothing from pages of elsewhere: browsers let them post blindly, and say so in `Origin`.
 * @throws Refusal `misdirected`
 */
export function checkOrigin(headers: Headers): void {
  const origin = headers.get('origin')
  if (origin !== null && !isLocal(origin)) throw misdirected()
}

function misdirected(): Refusal {
  return new Refusal(
    'misdirected',
    'Without keys this answers only under localhost, 127.0.0.1 and [::1], and to no page of elsewhere. Set keys to open it.',
  )
}

/** Whether a URL can only mean this machine. */
function isLocal(url: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(URL.parse(url)?.hostname ?? '')
}
