/** What every page has around it: head, masthead, notice, and the headers that keep a page to itself. */
import type { Context } from 'hono'
import { csrf } from 'hono/csrf'
import { createMiddleware } from 'hono/factory'
import { html } from 'hono/html'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Env, Html } from './parts.ts'

/** Nothing inline, nothing from elsewhere, framed by nobody: what slipped through the escaping still could not run. */
const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')

/** Headers of every answer; a handler that set its own policy keeps it. */
export const guarded = createMiddleware(async (c, next) => {
  await next()
  const { headers } = c.res
  if (!headers.has('content-security-policy')) {
    headers.set('content-security-policy', policy)
    headers.set('x-frame-options', 'DENY')
  }
  headers.set('x-content-type-options', 'nosniff')
  // Not `no-referrer`: under that a browser sends `Origin: null` with our own forms, and over plain http nothing else tells.
  if (!headers.has('referrer-policy')) headers.set('referrer-policy', 'same-origin')
  headers.set('cross-origin-resource-policy', 'same-origin')
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
})

/** Takes a POST only from a page of ours: Sec-Fetch-Site must say so, or Origin where a browser does not send that. */
export const ownForm = csrf()

type Place = 'inbox' | 'messages' | 'providers'

const places: readonly (readonly [Place, string, string])[] = [
  ['inbox', '/inbox', 'Inbox'],
  ['messages', '/messages', 'Messages'],
  ['providers', '/providers', 'Providers'],
]

interface Page {
  title: string
  /** Where in the navigation it stands. */
  here?: Place
  /** What a button just did. */
  notice?: string | null
  status?: ContentfulStatusCode
}

/** A whole page. */
export function page(c: Context<Env>, { title, here, notice, status = 200 }: Page, body: Html) {
  const visitor = c.get('visitor')
  const navigation = visitor
    ? html`<nav aria-label="Main">${places.map(
        ([place, path, word]) => html`<a href="${path}"${place === here ? html` aria-current="page"` : ''}>${word}</a>`,
      )}<a href="/docs">API</a></nav>`
    : ''
  const leave =
    visitor && !c.get('open')
      ? html`<form class="leave" method="post" action="/logout">${visitor.tenant ? html`<span class="soft">${visitor.tenant}</span>` : ''}<button class="quiet">Log out</button></form>`
      : ''
  return c.html(
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Waypost</title>
<link rel="icon" type="image/svg+xml" href="/assets/waypost.svg">
<link rel="stylesheet" href="/assets/waypost.css">
<script src="/assets/waypost.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="masthead"><div class="wide">
<a class="mark" href="/"><img src="/assets/waypost.svg" alt="" width="22" height="22">Waypost</a>${navigation}${leave}
</div></header>
<main id="main" class="wide" tabindex="-1">
${notice ? html`<p class="notice" role="status">${notice}</p>` : ''}
${body}
</main>
</body>
</html>`,
    status,
  )
}

/** The switch of the client script that keeps a list fresh. */
export const live = html`<label class="live" hidden><input type="checkbox" id="live" checked> Live</label>`

/** A page that says only why there is none. */
export function sorry(c: Context<Env>, status: ContentfulStatusCode, title: string, detail: string) {
  return page(
    c,
    { title, status },
    html`<div class="empty"><h1>${title}</h1><p>${detail}</p><p><a href="/">Back to the start</a></p></div>`,
  )
}

export function noSuchMessage(c: Context<Env>) {
  return sorry(c, 404, 'No such message', 'It is not here, or no longer.')
}
