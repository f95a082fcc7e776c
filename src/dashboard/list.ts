/** What the lists of messages share: the query they read from the address, the search form, and the way to the next page. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import { readAddress } from '../mail/address.ts'
import { type MessageStatus, messageStatuses } from '../mail/message.ts'
import type { MessageQuery } from '../store/store.ts'
import { live } from './frame.ts'
import type { Env, Html } from './parts.ts'

const perPage = 50

type Field = 'recipient' | 'status' | 'provider'

/** What else the search form holds: a choice of providers, or values that it only carries on. */
interface Form {
  providers?: readonly string[]
  carry?: Record<string, string>
}

interface Listing {
  query: MessageQuery
  /** Something was asked for, so an empty list is an answer. */
  filtered: boolean
  /** Why what was asked for cannot be found. */
  problem: string | null
  search(action: string, form: Form): Html
  /** Only on the first page, where new mail shows. */
  live: Html | ''
}

function choice(name: string, label: string, none: string, words: readonly string[], chosen: string): Html {
  const options = words.map((word) => html`<option${word === chosen ? html` selected` : ''}>${word}</option>`)
  return html`<label><span class="unseen">${label}</span><select name="${name}"><option value="">${none}</option>${options}</select></label>`
}

const isStatus = (text: string): text is MessageStatus => (messageStatuses as readonly string[]).includes(text)

export function listing(c: Context<Env>, fields: readonly Field[]): Listing {
  const asked = (field: Field): string => (fields.includes(field) ? (c.req.query(field) ?? '').trim() : '')
  const query: MessageQuery = { tenant: c.get('visitor').tenant, limit: perPage }
  const recipient = asked('recipient')
  const status = asked('status')
  const cursor = c.req.query('cursor')
  let problem: string | null = null
  if (recipient !== '') {
    const read = readAddress(recipient)
    if ('email' in read) query.recipient = read.email
    else problem = `That is no address: ${read.problem}`
  }
  if (isStatus(status)) query.status = status
  if (cursor) query.cursor = cursor
  const provider = asked('provider')
  if (provider !== '') query.provider = provider
  return {
    query,
    filtered: recipient !== '' || query.status !== undefined || query.provider !== undefined || cursor !== undefined,
    problem,
    live: cursor ? '' : live,
    search: (
      action,
      { providers, carry = {} },
    ) => html`<form class="search" method="get" action="${action}" role="search">
${Object.entries(carry).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<label class="grow"><span class="unseen">Recipient</span><input type="search" name="recipient" value="${recipient}" placeholder="Recipient, the whole address" autocomplete="off" spellcheck="false"></label>
${fields.includes('status') ? choice('status', 'Status', 'Any status', messageStatuses, status) : ''}
${providers ? choice('provider', 'Provider', 'Any provider', providers, provider) : ''}
<button>Find</button>
</form>`,
  }
}

/** Links to the newest and to the older messages, with all else that was asked kept. */
export function pager(c: Context<Env>, path: string, next: string | null): Html | '' {
  const asked = new URL(c.req.url).searchParams
  const at = (cursor: string | null): string => {
    const query = new URLSearchParams(asked)
    query.delete('cursor')
    if (cursor !== null) query.set('cursor', cursor)
    return query.size > 0 ? `${path}?${query}` : path
  }
  if (next === null && !asked.has('cursor')) return ''
  return html`<nav class="pager" aria-label="Pages">${asked.has('cursor') ? html`<a href="${at(null)}">Newest</a>` : html`<span></span>`}${next === null ? '' : html`<a href="${at(next)}" rel="next">Older</a>`}</nav>`
}
