/**
 * The dashboard: plain pages, rendered here, that work without script. Mounted at `/`; it answers only its own paths, so that
 * what is mounted beside it keeps its headers and its errors.
 */
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { StoreUnavailable } from '../store/store.ts'
import { guarded, sorry } from './frame.ts'
import { inbox } from './inbox.ts'
import { messages } from './messages.ts'
import type { DashboardParts, Env } from './parts.ts'
import { policies } from './policies.ts'
import { providers } from './providers.ts'
import { script } from './script.ts'
import { sessions } from './session.ts'
import { icon, style } from './style.ts'

/** Every page of the dashboard. */
export function dashboard(parts: DashboardParts): Hono {
  const app = new Hono<Env>()
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status === 403)
      return sorry(
        c,
        403,
        'Not from here',
        'This was not asked from a page of this dashboard. Go back, reload and try again.',
      )
    if (error instanceof HTTPException) return error.getResponse()
    if (error instanceof RangeError)
      return sorry(c, 400, 'No such page', 'The list has moved on; start at the newest again.')
    if (error instanceof StoreUnavailable)
      return sorry(
        c,
        503,
        'Not just now',
        'The store cannot be read at the moment. Mail that was accepted is safe; try again shortly.',
      )
    throw error
  })

  const { visit, pages } = sessions(parts)
  app.route('/', pages)
  app.route('/', inbox(parts, visit))
  app.route('/', messages(parts, visit))
  app.route('/', policies(parts, visit))
  app.route('/', providers(parts, visit))

  const asset = (path: string, type: string, text: string) =>
    app.get(path, guarded, (c) => c.body(text, 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  asset('/assets/waypost.css', 'text/css; charset=utf-8', style)
  asset('/assets/waypost.js', 'text/javascript; charset=utf-8', script)
  asset('/assets/waypost.svg', 'image/svg+xml', icon)
  // What the pages carry through a request is their own business.
  return app as unknown as Hono
}
