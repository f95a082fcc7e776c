/** Moves from provider to provider, under the providers: how far each is, why it does not go on, and beginning it anew. */
import { html } from 'hono/html'
import type { MoveView, Seen } from '../mail/move.ts'
import { count, none, percent, pill, when } from './figures.ts'
import type { Html } from './parts.ts'
import { said } from './show.ts'

const names = (list: readonly string[]) => list.map((name, place) => html`${place === 0 ? '' : ', '}${said(name)}`)

/** `12,345 → 678 mails`: the old way and the new. */
function beside(what: keyof Seen, words: string, { from, to }: MoveView['seen']): Html {
  return html`<p class="small">${count(from[what])} → ${count(to[what])} <span class="soft">${words}</span></p>`
}

function row(move: MoveView, mayAct: boolean, now: number): Html {
  const { rule, from, to, state, share, since, next, revertsAt, reason, seen } = move
  const restart = mayAct && state === 'reverted'
  return html`<tr>
<td data-label="Rule" class="lead"><b>${said(rule)}</b> <span class="soft">${names(from)} → ${names(to)}</span></td>
<td data-label="State" class="long">${pill(state)}${revertsAt === null ? '' : html` <span class="soft">goes back ${when(revertsAt, now)}</span>`}${reason === null ? '' : html`<p class="small reason">${said(reason, 500)}</p>`}</td>
<td data-label="Moved" class="figure">${percent(share)}${since === null ? '' : html` <span class="soft small">reached ${when(since, now)}</span>`}</td>
<td data-label="Next" class="figure">${next === null ? none : html`${percent(next.share)} <span class="soft small">${when(next.at, now)}</span>`}</td>
<td data-label="In a day" class="figure">${beside('mails', 'mails', seen)}${beside('deferred', 'deferred', seen)}${beside('complained', 'complaints', seen)}</td>
<td data-label=""><span class="actions">${restart ? html`<form method="post" action="/moves/${encodeURIComponent(rule)}/restart"><button class="quiet">Restart<span class="unseen"> ${rule}</span></button></form>` : ''}</span></td>
</tr>`
}

/** All of them in a table; nothing where there is none. */
export function movesTable(moves: readonly MoveView[], mayAct: boolean, now: number): Html | '' {
  if (moves.length === 0) return ''
  return html`<h2>Moves</h2>
<table class="card cards"><thead><tr><th scope="col">Rule</th><th scope="col">State</th><th scope="col">Moved</th><th scope="col">Next</th><th scope="col">In a day</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
<tbody>${moves.map((move) => row(move, mayAct, now))}</tbody></table>`
}
