/** One message told whole: what it is, who it is for, every attempt and why it was made, and what happened in which order. */
import { html } from 'hono/html'
import type { MailEvent } from '../mail/event.ts'
import type { Message, Recipient, RecipientStatus } from '../mail/message.ts'
import type { AttemptView, MessageView, Page, Steer, StoredPlan } from '../store/store.ts'
import { counted, exactly, none, pill, size, took, when } from './figures.ts'
import type { Html } from './parts.ts'
import { mailbox, said, subject } from './show.ts'

const waits: readonly RecipientStatus[] = ['queued', 'scheduled', 'deferred']
const endedBadly: readonly RecipientStatus[] = ['bounced', 'failed', 'expired']

/** Which buttons could do something now. */
function possible(recipients: readonly Recipient[]): (readonly [Steer, string])[] {
  const some = (statuses: readonly RecipientStatus[]) => recipients.some(({ status }) => statuses.includes(status))
  return [
    ...(some([...waits, ...endedBadly]) ? [['retry', 'Try again now'] as const] : []),
    ...(some(['held']) ? [['release', 'Release'] as const] : []),
    ...(some([...waits, 'held']) ? [['cancel', 'Cancel'] as const] : []),
  ]
}

function facts(message: Message, now: number): Html {
  const fact = (word: string, value: Html | string) => html`<dt>${word}</dt><dd>${value}</dd>`
  const metadata = Object.entries(message.metadata)
  return html`<dl class="facts card">
${fact('From', mailbox(message.from))}
${fact('Return path', message.returnPath ? said(message.returnPath) : html`<span class="soft">none (null reverse-path)</span>`)}
${fact('Type', html`${said(message.type, 60)} <span class="soft">${message.priority} priority</span>`)}
${fact('Accepted', html`${exactly(message.acceptedAt)} UTC <span class="soft">(${when(message.acceptedAt, now)}, by ${message.via === 'smtp' ? 'SMTP' : 'HTTP'})</span>`)}
${message.sendAt === null ? '' : fact('Send at', html`${exactly(message.sendAt)} UTC`)}
${fact('Expires', html`${exactly(message.expireAt)} UTC <span class="soft">(${when(message.expireAt, now)})</span>`)}
${fact('Size', html`${size(message.size)}${message.attachments > 0 ? `, ${counted(message.attachments, 'attachment')}` : ''}`)}
${message.provider === null ? '' : fact('Pinned to', said(message.provider))}
${message.tags.length > 0 ? fact('Tags', html`${message.tags.map((tag) => html`<span class="tag">${said(tag, 80)}</span> `)}`) : ''}
${metadata.length > 0 ? fact('Metadata', html`${metadata.map(([key, value]) => html`<span class="tag">${said(key, 80)}: ${said(value, 200)}</span> `)}`) : ''}
${fact('Message-ID', html`<code>${said(message.messageId)}</code>`)}
${fact('Id', html`<code>${message.id}</code>`)}
</dl>`
}

function recipientTable(recipients: readonly Recipient[]): Html {
  return html`<table class="card cards"><thead><tr><th scope="col">Status</th><th scope="col">Recipient</th><th scope="col">Provider</th><th scope="col">Id there</th></tr></thead>
<tbody>${recipients.map(
    ({ email, status, provider, providerMessageId }) => html`<tr>
<td data-label="Status">${pill(status)}</td><td data-label="Recipient" class="lead long">${said(email)}</td>
<td data-label="Provider" class="name">${provider === null ? none : said(provider)}</td>
<td data-label="Id there" class="long">${providerMessageId === null ? none : html`<code>${said(providerMessageId)}</code>`}</td></tr>`,
  )}</tbody></table>`
}

/** The far end's words, with its code in front. */
function answer(code: string | null, reason: string | null): Html {
  if (code === null && reason === null) return none
  return html`${code === null ? '' : html`<code>${said(code, 60)}</code> `}${reason === null ? '' : said(reason, 1000)}`
}

function attemptTable(attempts: readonly AttemptView[], recipients: readonly Recipient[]): Html {
  if (attempts.length === 0) return html`<p class="empty">No attempt yet.</p>`
  const emails = new Map(recipients.map(({ index, email }) => [index, email]))
  return html`<table class="card cards"><thead><tr><th scope="col">Outcome</th><th scope="col">Cause</th><th scope="col">Provider</th><th scope="col">Recipient</th><th scope="col">Code and reason</th><th scope="col">Took</th><th scope="col">At (UTC)</th></tr></thead>
<tbody>${attempts.map(
    ({ at, provider, recipient, outcome, cause, code, reason, latencyMs }) => html`<tr>
<td data-label="Outcome">${pill(outcome ?? 'under way')}</td><td data-label="Cause">${cause ?? none}</td>
<td data-label="Provider" class="name">${said(provider)}</td><td data-label="Recipient" class="long">${said(emails.get(recipient) ?? String(recipient))}</td>
<td data-label="Reason" class="reason">${answer(code, reason)}</td>
<td data-label="Took" class="figure">${latencyMs === null ? none : took(latencyMs)}</td><td data-label="At">${exactly(at)}</td></tr>`,
  )}</tbody></table>`
}

function whyThis(plan: StoredPlan): Html {
  return html`<p>Rule <b>${said(plan.route)}</b> <span class="soft">of policy <a href="/policies/${encodeURIComponent(plan.policy)}"><code>${said(plan.policy.slice(0, 12))}</code></a></span></p>
<ol class="candidates">${plan.candidates.map(
    ({ provider, reasons }) =>
      html`<li><b>${said(provider)}</b>${reasons.length > 0 ? html` <span class="soft">${said(reasons.join('; '), 600)}</span>` : ''}</li>`,
  )}</ol>
${plan.rejected.length > 0 ? html`<p class="soft">Ruled out</p><ul>${plan.rejected.map(({ provider, reason }) => html`<li><b>${said(provider)}</b> <span class="soft">${said(reason, 600)}</span></li>`)}</ul>` : ''}`
}

/** The plans that attempts followed, the latest first; attempts in a row that followed the same one share it. */
function why(attempts: readonly AttemptView[]): Html | '' {
  const plans = new Map<string, { plan: StoredPlan; at: number }>()
  for (const { plan, at } of attempts) plans.set(JSON.stringify(plan), { plan, at })
  const [latest, ...earlier] = [...plans.values()].sort((one, other) => other.at - one.at)
  if (!latest) return ''
  return html`<section aria-labelledby="why"><h2 id="why">Why this way</h2><div class="card why">${whyThis(latest.plan)}
${earlier.map(({ plan, at }) => html`<details><summary>Until ${exactly(at)} UTC it was another plan</summary>${whyThis(plan)}</details>`)}</div></section>`
}

function timeline(events: Page<MailEvent>): Html {
  if (events.rows.length === 0) return html`<p class="empty">No event yet.</p>`
  return html`<ol class="timeline card">${events.rows
    .toReversed()
    .map(
      ({ type, at, recipient, provider, detail }) =>
        html`<li>${exactly(at)} ${pill(type)} <span>${recipient === null ? '' : said(recipient)}${provider === null ? '' : html` <span class="soft">at</span> ${said(provider)}`}${detail === null ? '' : html` <span class="soft">${said(detail, 1000)}</span>`}</span></li>`,
    )}</ol>${events.next === null ? '' : html`<p class="soft">Older events are not shown; <code>GET /v1/events</code> has them.</p>`}`
}

/** @param mayAct the visitor's key has the scope `manage` */
export function told(view: MessageView, events: Page<MailEvent>, mayAct: boolean, now: number): Html {
  const { message, status, recipients, attempts } = view
  const buttons = mayAct ? possible(recipients) : []
  return html`<article>
<div class="head"><h1>${subject(message.subject, 2000)}</h1>${pill(status)}</div>
<div class="actions">${buttons.map(
    ([what, words]) =>
      html`<form method="post" action="/messages/${message.id}/${what}"><button${what === 'cancel' ? html` class="quiet"` : ''}>${words}</button></form>`,
  )}<a href="/inbox/${message.id}">Read the mail</a><a href="/inbox/${message.id}/raw">Source</a></div>
${facts(message, now)}
<section aria-labelledby="recipients"><h2 id="recipients">Recipients</h2>${recipientTable(recipients)}</section>
<section aria-labelledby="attempts"><h2 id="attempts">Attempts</h2>${attemptTable(attempts, recipients)}</section>
${why(attempts)}
<section aria-labelledby="events"><h2 id="events">Events</h2>${timeline(events)}</section>
</article>`
}
