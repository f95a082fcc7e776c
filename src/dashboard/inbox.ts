/** The inbox: mail that a provider of adapter `inbox` kept here, as its recipient would have seen it. */
import type { Context } from 'hono'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { decodeWords } from '../mail/headers.ts'
import type { Message, Parts } from '../mail/message.ts'
import type { MessageView } from '../store/store.ts'
import { attachmentDownload, attachmentList } from './attachments.ts'
import { counted, exactly, size, when } from './figures.ts'
import { guarded, noSuchMessage, page, sorry } from './frame.ts'
import { letter, source, Unreadable } from './letter.ts'
import { listing, pager } from './list.ts'
import { firstMail } from './newcomer.ts'
import type { DashboardParts, Env, Html } from './parts.ts'
import { sandbox, sandboxed, sandboxHeaders, wantsRemote } from './sandbox.ts'
import type { sessions } from './session.ts'
import { linked, mailbox, plainly, said, subject } from './show.ts'

/** Text of a body shown at most; the source has the rest. */
const longestText = 500_000

type Row = Omit<MessageView, 'attempts'>

/** Names of the providers that keep mail here. */
function keepers(operations: Pick<DashboardParts['operations'], 'providers'>): string[] {
  return operations
    .providers()
    .filter(({ adapter }) => adapter === 'inbox')
    .map(({ name }) => name)
}

function entry({ message, recipients }: Row, keeper: string, now: number): Html {
  const kept = recipients.filter(({ provider }) => provider === keeper)
  return html`<li><a class="entry" href="/inbox/${message.id}">
<span class="from">${message.from.name ? said(message.from.name, 60) : said(message.from.email, 80)}</span>
<span class="subject">${subject(message.subject)}</span>
<span class="to soft">to ${kept.slice(0, 3).map(({ email }, index) => html`${index > 0 ? ', ' : ''}${said(email, 80)}`)}${kept.length > 3 ? ` and ${kept.length - 3} more` : ''}</span>
<span class="at soft">${when(message.acceptedAt, now)}</span>
${message.attachments > 0 ? html`<span class="more soft">${counted(message.attachments, 'attachment')}</span>` : ''}
</a></li>`
}

function headerTable(fields: readonly (readonly [string, string])[]): Html {
  if (fields.length === 0) return html`<p class="soft">None of its own.</p>`
  return html`<table class="fields"><tbody>${fields.map(
    ([name, value]) => html`<tr><th scope="row">${said(name, 100)}</th><td>${said(decodeWords(value), 2000)}</td></tr>`,
  )}</tbody></table>`
}

function body(message: Message, parts: Parts, remote: boolean): Html {
  const frame = `/inbox/${message.id}/html${remote ? '?remote=1' : ''}`
  const text = parts.text ?? ''
  const shown = html`<pre class="letter">${linked(text.slice(0, longestText))}</pre>${text.length > longestText ? html`<p class="soft">The rest is in the <a href="/inbox/${message.id}/raw">source</a>.</p>` : ''}`
  if (parts.html === undefined) return html`<section class="card" aria-label="Text">${shown}</section>`
  const offer = remote
    ? html`<p class="bar">Images are loaded from the web. <a href="/inbox/${message.id}">Keep them out</a></p>`
    : wantsRemote(parts.html)
      ? html`<p class="bar">Images from the web are not loaded. <a href="/inbox/${message.id}?remote=1">Load remote images</a></p>`
      : ''
  return html`<section class="card" aria-label="HTML">${offer}<iframe class="mail" title="The mail’s HTML" sandbox="${sandbox}" referrerpolicy="no-referrer" src="${frame}"></iframe></section>
${text.trim() ? html`<details class="card"><summary>Plain text</summary>${shown}</details>` : ''}`
}

function opened(c: Context<Env>, { message, recipients }: Row, parts: Parts | Unreadable, now: number) {
  const people = 'subject' in parts ? parts : null
  const line = (word: string, boxes: readonly { email: string; name?: string }[]) =>
    boxes.length > 0
      ? html`<dt>${word}</dt><dd>${boxes.slice(0, 100).map((box, index) => html`${index > 0 ? ', ' : ''}${mailbox(box)}`)}</dd>`
      : ''
  return page(
    c,
    { title: plainly(message.subject) || 'No subject', here: 'inbox' },
    html`<article>
<h1>${subject(message.subject, 2000)}</h1>
<dl class="facts card">
${line('From', [message.from])}${people ? html`${line('To', people.to)}${line('Cc', people.cc)}${line('Reply to', people.replyTo)}` : ''}
${line(
  'Bcc',
  recipients.filter(({ index }) => message.hidden.includes(index)),
)}
<dt>Came</dt><dd>${exactly(message.acceptedAt)} UTC <span class="soft">(${when(message.acceptedAt, now)}, by ${message.via === 'smtp' ? 'SMTP' : 'HTTP'}, ${size(message.size)})</span></dd>
<dt>See also</dt><dd><a href="/inbox/${message.id}/raw">Source</a> · <a href="/messages/${message.id}">What became of it</a></dd>
</dl>
${'subject' in parts ? html`${attachmentList(message.id, parts)}${body(message, parts, c.req.query('remote') === '1')}` : html`<p class="problem">${parts.message}</p>`}
<details class="card"><summary>Headers</summary>${headerTable(message.headers)}</details>
</article>`,
  )
}

/** A stream that asks for the next piece only when there is room for it, and lets go of the rest when nobody reads on. */
function streamed(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  let next: Uint8Array | undefined = first
  return new ReadableStream({
    async pull(controller) {
      next ??= (await rest.next()).value ?? undefined
      if (next === undefined) return controller.close()
      controller.enqueue(next)
      next = undefined
    },
    async cancel() {
      await rest.return(undefined)
    },
  })
}

export function inbox(parts: DashboardParts, visit: ReturnType<typeof sessions>['visit']) {
  const { store, operations, clock } = parts
  const pages = new Hono<Env>()

  const list = async (c: Context<Env>) => {
    const names = keepers(operations)
    if (names.length === 0) return c.redirect('/messages', 303)
    const chosen = names.find((name) => name === c.req.query('provider')) ?? names[0]!
    const asked = listing(c, ['recipient'])
    const found = asked.problem ? { rows: [], next: null } : await store.messages({ ...asked.query, provider: chosen })
    const now = clock()
    return page(
      c,
      { title: 'Inbox', here: 'inbox' },
      html`<div class="head"><h1>Inbox</h1>${asked.live}</div>
${names.length > 1 ? html`<p class="choices">${names.map((name) => html`<a href="/inbox?provider=${encodeURIComponent(name)}"${name === chosen ? html` aria-current="true"` : ''}>${name}</a>`)}</p>` : ''}
${asked.search('/inbox', names.length > 1 ? { carry: { provider: chosen } } : {})}
<div data-live>${
        found.rows.length > 0
          ? html`<ul class="entries card">${found.rows.map((row) => entry(row, chosen, now))}</ul>`
          : asked.filtered
            ? html`<p class="empty">${asked.problem ?? 'No mail for that address.'}</p>`
            : firstMail(c, parts)
      }${pager(c, '/inbox', found.next)}</div>`,
    )
  }

  pages.get('/', guarded, visit('read'), list)
  pages.get('/inbox', guarded, visit('read'), list)

  const one = '/inbox/:id{msg_[0-9a-z]+}'
  const find = (c: Context<Env>) => store.message(c.req.param('id') ?? '', c.get('visitor').tenant)
  /** The content, or why it cannot be read. */
  const read = (message: Message) =>
    letter(store, message).catch((error: unknown) => {
      if (error instanceof Unreadable) return error
      throw error
    })

  pages.get(one, guarded, visit('read'), async (c) => {
    const found = await find(c)
    return found ? opened(c, found, await read(found.message), clock()) : noSuchMessage(c)
  })

  pages.get(`${one}/html`, guarded, visit('read'), async (c) => {
    const found = await find(c)
    const content = found && (await read(found.message))
    if (!content || content instanceof Unreadable || content.html === undefined) return noSuchMessage(c)
    return c.body(sandboxed(content.html, content.attachments), 200, sandboxHeaders(c.req.query('remote') === '1'))
  })

  pages.get(`${one}/part/:part{[0-9]+}`, guarded, visit('read'), async (c) => {
    const found = await find(c)
    const content = found && (await read(found.message))
    if (!content || content instanceof Unreadable) return noSuchMessage(c)
    return attachmentDownload(c, content, Number(c.req.param('part'))) ?? noSuchMessage(c)
  })

  pages.get(`${one}/raw`, guarded, visit('read'), async (c) => {
    const found = await find(c)
    if (!found) return noSuchMessage(c)
    const pieces = source(store, found.message)
    try {
      const first = await pieces.next()
      if (first.done) return noSuchMessage(c)
      return c.body(streamed(first.value, pieces), 200, {
        'content-type': 'text/plain; charset=utf-8',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      })
    } catch (error) {
      if (error instanceof Unreadable) return sorry(c, 404, 'No source', error.message)
      throw error
    }
  })
  return pages
}
