/** One policy that is or was in force: where a message's story leads to the rules that routed it. */
import { Hono } from 'hono'
import { html } from 'hono/html'
import { exactly } from './figures.ts'
import { guarded, page, sorry } from './frame.ts'
import type { DashboardParts, Env } from './parts.ts'
import type { sessions } from './session.ts'
import { said } from './show.ts'

/** Longer rules are shown as far as this; the API has all of them. */
const mostShown = 200_000

export function policies({ policy }: DashboardParts, visit: ReturnType<typeof sessions>['visit']) {
  const pages = new Hono<Env>()
  // They name the addresses, domains and tenants of everybody.
  pages.get('/policies/:version', guarded, visit('manage'), async (c) => {
    const found = await policy(c.req.param('version'))
    if (!found) return sorry(c, 404, 'No such policy', 'It was never in force here, or it is not kept any more.')
    const { version, at, by, current, rules } = found
    return page(
      c,
      { title: 'Policy' },
      html`<div class="head"><h1>Policy <code>${said(version)}</code></h1></div>
<p class="soft">${current ? 'In force since' : 'Taken over at'} ${exactly(at)} UTC, from ${said(by, 500)}</p>
<section class="card"><pre class="letter">${said(rules, mostShown)}</pre></section>`,
    )
  })
  return pages
}
