/** What is to be said of a provider beside its figures: what keeps mail away from it, or soon will, and whose it is. */
import { html } from 'hono/html'
import type { ProviderView } from '../mail/provider.ts'
import { count, nearly, when } from './figures.ts'
import type { Html } from './parts.ts'
import { said } from './show.ts'

/** A paragraph for each. @param mayAct whether it is for somebody who manages the gateway */
export function notes(provider: ProviderView, mayAct: boolean, now: number): Html[] {
  const { reason } = provider
  return [
    ...(reason === null ? [] : [html`<p class="soft">${said(reason, 500)}</p>`]),
    ...sick(provider, now),
    ...shaped(provider, mayAct, now),
    ...nearLimits(provider),
    ...warming(provider),
    ...(mayAct ? [...bounds(provider), ...identities(provider)] : []),
  ]
}

const at = (host: string | null) => (host === null ? '' : html` at <b>${said(host, 100)}</b>`)

function sick({ hosts }: ProviderView, now: number): Html[] {
  return hosts.map(
    ({ host, bad, of, until }) =>
      html`<p>sick${at(host)}: ${count(bad)} of ${count(of)} deferred or blocked <span class="soft">next probe ${when(until, now)}</span></p>`,
  )
}

function shaped({ shaped }: ProviderView, mayAct: boolean, now: number): Html[] {
  return shaped
    .filter(({ tenant }) => mayAct || tenant === null)
    .map(
      ({ rule, host, tenant, until, interval, why }) =>
        html`<p>${interval === null ? 'suspended' : 'slowed'}${at(host)}${tenant ? html` for tenant ${said(tenant, 64)}` : ''} by the rule ${said(rule, 64)}: ${said(why, 300)} <span class="soft">ends ${when(until, now)}</span></p>`,
    )
}

/** Limits that are nearly used up; the others are in "waypost limits". That of the day stands among the figures. */
function nearLimits({ limits }: ProviderView): Html[] {
  return limits
    .filter(({ host, per, used, limit }) => (host !== null || per !== 'day') && used > nearly * limit)
    .map(({ host, per, used, limit }) => html`<p>${count(used)} of ${count(limit)} this ${per}${at(host)}</p>`)
}

function warming({ warmup }: ProviderView): Html[] {
  const hosts = warmup.map(
    ({ host, day, used, limit, paused }, place) =>
      html`${place === 0 ? '' : ';'}${at(host)}, day ${count(day)}: ${count(used)} of ${count(limit)}${paused ? ', paused by bad signs' : ''}`,
  )
  return hosts.length === 0 ? [] : [html`<p class="soft">warming up${hosts}</p>`]
}

function bounds({ tenants, domains }: ProviderView): Html[] {
  return [
    ...(tenants === null
      ? []
      : [
          html`<p class="soft">only for${tenants.map((tenant) => html` <span class="tag">${said(tenant, 60)}</span>`)}</p>`,
        ]),
    ...(domains === null ? [] : [html`<p class="soft">only from ${said(domains.join(', '), 300)}</p>`]),
  ]
}

/** The From domains of its mail, those one by one for which it may not send or of which nobody could tell. */
function identities({ identity }: ProviderView): Html[] {
  const all = identity ?? []
  const other = all.filter(({ state }) => state !== 'ready')
  const ready = all.length - other.length
  return [
    ...(ready === 0
      ? []
      : [html`<p class="soft">may send for ${count(ready)} From ${ready === 1 ? 'domain' : 'domains'}</p>`]),
    ...other.map(({ domain, state, reason }) => {
      const text = html`<b>${said(domain, 100)}</b>: ${state === 'unknown' ? 'nobody could tell' : 'not ready'}, ${said(reason, 500)}`
      return state === 'unknown' ? html`<p class="soft">${text}</p>` : html`<p>${text}</p>`
    }),
  ]
}
