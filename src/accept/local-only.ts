/** Who may come in while there are no keys: this machine alone, and from it no web page of elsewhere. */
import type { Env, Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { problemAnswer } from './problem.ts'
import { Refusal } from './refusals.ts'

/**
 * While `open` says so, lets an app answer only what was asked under a name of this machine: else a page could point a name of its
 * own at 127.0.0.1 and read along (DNS rebinding). Paths that begin with `but` are for everybody. Stands before the app, for as
 * middleware it costs every request several turns.
 */
export function localOnly<E extends Env>(app: Hono<E>, open: () => boolean, but: string): void {
  const { fetch } = app
  app.fetch = (request, ...rest) => {
    const { url, method } = request
    if (!open() || usual.test(url) || getPath(request).startsWith(but) || isLocal(url)) return fetch(request, ...rest)
    const refused = problemAnswer(misdirected())
    return method === 'HEAD' ? new Response(null, refused) : refused
  }
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
