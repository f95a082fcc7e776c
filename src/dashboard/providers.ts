/** The providers, how each is, and the switch that takes one out; under them budgets, limits and moves. */
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { ProviderView } from '../mail/provider.ts'
import { budgetTable, limitTable } from './budgets.ts'
import { count, money, none, percent, pill, took, used, when } from './figures.ts'
import { guarded, live, ownForm, page, sorry } from './frame.ts'
import { movesTable } from './moves.ts'
import type { DashboardParts, Env, Html } from './parts.ts'
import { notes } from './provider-notes.ts'
import type { sessions } from './session.ts'
import { said } from './show.ts'

function today({ sentToday, perDay, perSecond }: ProviderView): Html {
  const rate = perSecond === null ? '' : html`<p class="soft small">at most ${count(perSecond)} a second</p>`
  if (perDay === null) return html`${count(sentToday)}${rate}`
  return html`${count(sentToday)} <span class="soft">of ${count(perDay)}</span>${used(sentToday / perDay, `${percent(Math.min(sentToday / perDay, 1))} of today’s limit`)}${rate}`
}

/** What this month costs there, what it comes to, and what of it is still free. */
function spending({ month }: ProviderView): Html {
  if (month === null) return none
  const { spent, forecast, freeLeft } = month
  const whole = forecast === null ? 'too early for a forecast' : `about ${money(forecast)} by its end`
  return html`${money(spent)}<p class="soft small">${whole}</p>${freeLeft === null ? '' : html`<p class="soft small">${count(freeLeft)} still free</p>`}`
}

function row(provider: ProviderView, mayAct: boolean, now: number): Html {
  const { name, adapter, state, openUntil, labels, costPerThousand, success, latencyMs, inFlight } = provider
  const { observed, share } = provider
  const beside = notes(provider, mayAct, now)
  const turn = state === 'draining' ? 'resume' : 'drain'
  return html`<tr>
<td data-label="Provider" class="lead"><b>${said(name)}</b> <span class="soft">${said(adapter)}</span>${labels.map((label) => html` <span class="tag">${said(label, 60)}</span>`)}</td>
<td data-label="State">${pill(state)}${openUntil === null ? '' : html` <span class="soft">next probe ${when(openUntil, now)}</span>`}${observed === null ? '' : html` <span class="soft">only observed: ${observed}</span>`}${share > 0 && share < 1 ? html` <span class="soft">${percent(share)} of mail is back</span>` : ''}</td>
<td data-label="Success" class="figure">${success === null ? none : percent(success)}</td>
<td data-label="Answers in" class="figure">${latencyMs === null ? none : took(latencyMs)}</td>
<td data-label="Today" class="figure">${today(provider)}</td>
<td data-label="In flight" class="figure">${count(inFlight)}</td>
<td data-label="Per 1,000" class="figure">${money(costPerThousand)}</td>
<td data-label="This month" class="figure">${spending(provider)}</td>
<td data-label=""><span class="actions"><a href="/messages?provider=${encodeURIComponent(name)}">Messages</a>${
    mayAct
      ? html`<form method="post" action="/providers/${encodeURIComponent(name)}/${turn}"><button class="quiet">${turn === 'drain' ? 'Drain' : 'Resume'}<span class="unseen"> ${name}</span></button></form>`
      : ''
  }</span></td>
</tr>${beside.length === 0 ? '' : html`<tr class="notes"><td colspan="9" class="small">${beside}</td></tr>`}`
}

const done: Record<string, string> = {
  drain: 'It takes nothing new; what is on its way still ends.',
  resume: 'It takes mail again.',
  restart: 'It begins again with its first step.',
}

export function providers(parts: DashboardParts, visit: ReturnType<typeof sessions>['visit']) {
  const { operations, clock, configProblem } = parts
  const pages = new Hono<Env>()

  pages.get('/providers', guarded, visit('read'), (c) => {
    const mayAct = c.get('visitor').scopes.includes('manage')
    const views = operations.providers()
    const now = clock()
    // It names parts of the config, which are those who manage it to see.
    const problem = mayAct ? configProblem() : null
    return page(
      c,
      { title: 'Providers', here: 'providers', notice: done[c.req.query('done') ?? ''] ?? null },
      html`<div class="head"><h1>Providers</h1>${live}</div>
<div data-live>${
        problem === null
          ? ''
          : html`<div class="problem"><b>The config file was changed and cannot be used; the one before stays in force.</b><ul>${problem
              .split('\n')
              .slice(0, 20)
              .map((line) => html`<li>${said(line, 500)}</li>`)}</ul></div>`
      }${
        views.length > 0
          ? html`<table class="card cards"><thead><tr><th scope="col">Provider</th><th scope="col">State</th><th scope="col">Success</th><th scope="col">Answers in</th><th scope="col">Today</th><th scope="col">In flight</th><th scope="col">Per 1,000</th><th scope="col">This month</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
<tbody>${views.map((view) => row(view, mayAct, now))}</tbody></table>`
          : html`<div class="empty card"><h2>No provider yet</h2><p>Add one under <code>providers:</code> in the config, and name it in a route. The running gateway takes the change over.</p></div>`
      }${mayAct ? html`${budgetTable(operations.budgets(), now)}${limitTable(operations.limits())}` : ''}${movesTable(operations.moves(), mayAct, now)}</div>`,
    )
  })

  pages.post('/providers/:name/:turn{drain|resume}', guarded, ownForm, visit('manage'), async (c) => {
    const { name, turn } = c.req.param()
    const known = turn === 'drain' ? await operations.drain(name) : await operations.resume(name)
    if (!known) return sorry(c, 404, 'No such provider', 'It is not in the config.')
    return c.redirect(`/providers?done=${turn}`, 303)
  })

  pages.post('/moves/:rule/restart', guarded, ownForm, visit('manage'), (c) => {
    if (!operations.restart(c.req.param('rule')))
      return sorry(c, 404, 'No such move', 'No rule of this name moves mail.')
    return c.redirect('/providers?done=restart', 303)
  })
  return pages
}
