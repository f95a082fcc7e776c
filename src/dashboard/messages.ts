/** Every message with what became of it, and the three things an operator may ask of one. */
import type { Context } from 'hono'
import { Hono } from 'hono'
import { html } from 'hono/html'
import type { MessageView, Steer } from '../store/store.ts'
import { counted, none, pill, when } from './figures.ts'
import { guarded, noSuchMessage, ownForm, page } from './frame.ts'
import { listing, pager } from './list.ts'
import { firstMail } from './newcomer.ts'
import type { DashboardParts, Env, Html } from './parts.ts'
import type { sessions } from './session.ts'
import { plainly, said, subject } from './show.ts'
import { told } from './story.ts'

type Row = Omit<MessageView, 'attempts'>

function row({ message, status, recipients }: Row, now: number): Html {
  const [first] = recipients
  const providers = [...new Set(recipients.flatMap(({ provider }) => (provider === null ? [] : [provider])))]
  return html`<tr>
<td class="status">${pill(status)}</td>
<td class="lead long"><a href="/messages/${message.id}">${subject(message.subject)}</a><br><span class="soft small">from ${said(message.from.email, 80)}</span></td>
<td class="to long">${first ? said(first.email, 80) : none}${recipients.length > 1 ? html` <span class="soft">+${recipients.length - 1}</span>` : ''}</td>
<td class="less">${said(message.type, 40)}</td>
<td class="less name">${providers.length > 0 ? said(providers.join(', '), 80) : none}</td>
<td class="at">${when(message.acceptedAt, now)}</td>
</tr>`
}

/** What was done, in words, for the page that follows. The address names it; its words are only ever these. */
function notice(c: Context<Env>): string | null {
  const changed = Number(c.req.query('changed'))
  if (!Number.isSafeInteger(changed) || changed < 0) return null
  const who = counted(changed, 'recipient')
  const said: Record<Steer, string> = {
    retry: `${who} will be tried again now.`,
    cancel: `${who} canceled: nothing more is sent.`,
    release: `${who} released: the mail is sent now.`,
  }
  const done = c.req.query('done')
  if (done !== 'retry' && done !== 'cancel' && done !== 'release') return null
  return changed === 0 ? 'Nothing changed: the message is past that.' : said[done]
}

export function messages(parts: DashboardParts, visit: ReturnType<typeof sessions>['visit']) {
  const { store, operations, clock } = parts
  const pages = new Hono<Env>()

  pages.get('/messages', guarded, visit('read'), async (c) => {
    const asked = listing(c, ['recipient', 'status', 'provider'])
    const found = asked.problem ? { rows: [], next: null } : await store.messages(asked.query)
    const now = clock()
    return page(
      c,
      { title: 'Messages', here: 'messages' },
      html`<div class="head"><h1>Messages</h1>${asked.live}</div>
${asked.search('/messages', { providers: operations.providers().map(({ name }) => name) })}
<div data-live>${
        found.rows.length > 0
          ? html`<table class="card rows"><thead><tr><th scope="col">Status</th><th scope="col">Subject</th><th scope="col">To</th><th scope="col">Type</th><th scope="col">Provider</th><th scope="col">Accepted</th></tr></thead>
<tbody>${found.rows.map((view) => row(view, now))}</tbody></table>`
          : asked.filtered
            ? html`<p class="empty">${asked.problem ?? 'No message is like that.'} <a href="/messages">Show all</a></p>`
            : firstMail(c, parts)
      }${pager(c, '/messages', found.next)}</div>`,
    )
  })

  pages.get('/messages/:id{msg_[0-9a-z]+}', guarded, visit('read'), async (c) => {
    const { tenant, scopes } = c.get('visitor')
    const id = c.req.param('id')
    const [view, events] = await Promise.all([
      store.message(id, tenant),
      store.events({ tenant, messageId: id, limit: 200 }),
    ])
    if (!view) return noSuchMessage(c)
    const title = plainly(view.message.subject) || 'No subject'
    return page(
      c,
      { title, here: 'messages', notice: notice(c) },
      told(view, events, scopes.includes('manage'), clock()),
    )
  })

  pages.post(
    '/messages/:id{msg_[0-9a-z]+}/:what{retry|cancel|release}',
    guarded,
    ownForm,
    visit('manage'),
    async (c) => {
      const { id, what } = c.req.param()
      const changed = await store.steer(id, c.get('visitor').tenant, what as Steer, clock())
      if (changed === null) return noSuchMessage(c)
      if (what !== 'cancel' && changed > 0) operations.wake()
      return c.redirect(`/messages/${id}?done=${what}&changed=${changed}`, 303)
    },
  )
  return pages
}
