/** Who looks. Without keys everyone on this machine; with keys, whoever showed one with the scope `read`, for twelve hours. */
import { randomBytes } from 'node:crypto'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { html } from 'hono/html'
import { guarded, ownForm, page, sorry } from './frame.ts'
import type { DashboardParts, Env } from './parts.ts'

const lifetime = 12 * 3_600_000
/** Sessions at once; the oldest gives way. */
const most = 1000
const cookie = 'waypost_session'

interface Session {
  key: string
  until: number
}

/** Sessions live in memory: a restart logs everyone out. They hold the key, so that its rights are asked anew each time. */
function openSessions(clock: () => number) {
  const sessions = new Map<string, Session>()
  return {
    open(key: string): string {
      const [oldest] = sessions.keys()
      if (sessions.size >= most && oldest !== undefined) sessions.delete(oldest)
      const id = randomBytes(32).toString('hex')
      sessions.set(id, { key, until: clock() + lifetime })
      return id
    },
    key(id: string | undefined): string | null {
      const session = id === undefined ? undefined : sessions.get(id)
      return session && session.until > clock() ? session.key : null
    },
    close(id: string | undefined): void {
      if (id !== undefined) sessions.delete(id)
    },
  }
}

/** The path to go to after the login: ours, or the start. Judged by the parser that the browser uses too. */
export function ownPath(next: string | undefined): string {
  const here = 'http://here.invalid'
  if (!next?.startsWith('/') || !URL.canParse(next, here)) return '/'
  const { origin, pathname, search } = new URL(next, here)
  return origin === here && !pathname.startsWith('//') ? pathname + search : '/'
}

/** The login pages, and the middleware that lets only those through who may. */
export function sessions(parts: Pick<DashboardParts, 'authenticate' | 'clock'>) {
  const held = openSessions(parts.clock)

  /** Lets a visitor with this scope through and says who it is. */
  const visit = (scope: 'read' | 'manage') =>
    createMiddleware<Env>(async (c, next) => {
      const anyone = parts.authenticate(null)
      const { pathname, search } = new URL(c.req.url)
      const key = held.key(getCookie(c, cookie))
      const visitor = anyone ?? (key === null ? null : parts.authenticate(key))
      if (!visitor?.scopes.includes('read'))
        return c.redirect(
          c.req.method === 'GET' ? `/login?next=${encodeURIComponent(pathname + search)}` : '/login',
          303,
        )
      c.set('visitor', visitor)
      c.set('open', anyone !== null)
      if (!visitor.scopes.includes(scope))
        return sorry(c, 403, 'This key may not do that', `It takes a key with the scope “${scope}”.`)
      return next()
    })

  const form = (c: Context<Env>, status: 200 | 401 | 403, problem: string | null, next: string) =>
    page(
      c,
      { title: 'Log in', status },
      html`<form class="login card" method="post" action="/login">
<h1>Log in</h1>
<p class="soft">This gateway asks for a key. One with the scope <code>read</code> shows its mail; <code>manage</code> may act on it too.</p>
${problem ? html`<p class="problem" role="alert" id="problem">${problem}</p>` : ''}
<label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" spellcheck="false" required autofocus${problem ? html` aria-describedby="problem" aria-invalid="true"` : ''}>
<input type="hidden" name="next" value="${next}">
<button>Log in</button>
<p class="soft small">Make one with <code>waypost keys create --tenant acme --scope read</code></p>
</form>`,
    )

  const pages = new Hono<Env>()
  pages.get('/login', guarded, (c) => {
    const next = ownPath(c.req.query('next'))
    return parts.authenticate(null) ? c.redirect(next, 303) : form(c, 200, null, next)
  })
  pages.post('/login', guarded, ownForm, bodyLimit({ maxSize: 16_384 }), async (c) => {
    const fields = await c.req.parseBody()
    const key = typeof fields.key === 'string' ? fields.key.trim() : ''
    const next = ownPath(typeof fields.next === 'string' ? fields.next : undefined)
    const visitor = parts.authenticate(key)
    if (!visitor) return form(c, 401, 'That is not a key of this gateway.', next)
    if (!visitor.scopes.includes('read')) return form(c, 403, 'That key may not read; it takes the scope “read”.', next)
    held.close(getCookie(c, cookie))
    const secure = c.req.header('origin')?.startsWith('https:') ?? false
    setCookie(c, cookie, held.open(key), {
      httpOnly: true,
      sameSite: 'Strict',
      secure,
      path: '/',
      maxAge: lifetime / 1000,
    })
    return c.redirect(next, 303)
  })
  pages.post('/logout', guarded, ownForm, (c) => {
    held.close(getCookie(c, cookie))
    deleteCookie(c, cookie, { path: '/' })
    return c.redirect('/login', 303)
  })
  return { visit, pages }
}
