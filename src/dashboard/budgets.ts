/** What mail may cost, and how much of a type or of a tenant may go, under the providers: for those who manage. */
import { html } from 'hono/html'
import type { BudgetView, LimitView } from '../mail/provider.ts'
import { count, money, percent, used, when } from './figures.ts'
import type { Html } from './parts.ts'
import { said } from './show.ts'

function budgetRow({ name, per, limit, spent, level, until }: BudgetView, now: number): Html {
  return html`<tr>
<td data-label="Budget" class="lead"><b>${said(name)}</b> <span class="soft">a ${per}</span>${level >= 1 ? html` <span class="tag">spent</span>` : ''}</td>
<td data-label="Spent" class="figure">${money(spent)} <span class="soft">of ${money(limit)}</span>${used(spent / limit, `${percent(Math.min(spent / limit, 1))} of the budget`)}</td>
<td data-label="Begins anew">${when(until, now)}</td>
</tr>`
}

/** All budgets; nothing where there is none. */
export function budgetTable(budgets: readonly BudgetView[], now: number): Html | '' {
  if (budgets.length === 0) return ''
  return html`<h2>Budgets</h2>
<table class="card cards"><thead><tr><th scope="col">Budget</th><th scope="col">Spent</th><th scope="col">Begins anew</th></tr></thead>
<tbody>${budgets.map((budget) => budgetRow(budget, now))}</tbody></table>`
}

function limitRow({ of, name, per, used: gone, limit }: LimitView): Html {
  return html`<tr>
<td data-label="Limit" class="lead"><b>${said(name)}</b> <span class="soft">${of}, ${per === 'hour' ? 'an' : 'a'} ${per}</span></td>
<td data-label="Used" class="figure">${count(gone)} <span class="soft">of ${count(limit)}</span>${used(gone / limit, `${percent(Math.min(gone / limit, 1))} of the limit`)}</td>
</tr>`
}

/** Those of types and tenants; a provider's own stand with it. Nothing where there is none. */
export function limitTable(limits: readonly LimitView[]): Html | '' {
  const shared = limits.filter(({ of }) => of !== 'provider')
  if (shared.length === 0) return ''
  return html`<h2>Limits of types and tenants</h2>
<table class="card cards"><thead><tr><th scope="col">Limit</th><th scope="col">Used</th></tr></thead>
<tbody>${shared.map(limitRow)}</tbody></table>`
}
