/** What an empty page tells: the one line that fills it. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import type { DashboardParts, Env, Html } from './parts.ts'

export function firstMail(c: Context<Env>, { smtp }: Pick<DashboardParts, 'smtp'>): Html {
  const { origin } = new URL(c.req.url)
  const key = c.get('open') ? '' : ` \\\n  -H 'Authorization: Bearer YOUR-KEY'`
  const line = `curl ${origin}/v1/messages${key} \\
  -H 'Content-Type: application/json' \\
  -d '{"from":"you@example.com","to":"ann@example.net","subject":"Hello","text":"It works."}'`
  const listener = smtp()
  return html`<div class="empty card"><h2>No mail yet</h2>
<p>Send the first one from a terminal; it will be here in a moment.</p>
<pre class="command"><code>${line}</code></pre>
${listener ? html`<p>Or let your application send over SMTP to <code>${listener}</code>.</p>` : ''}
<p>All that a message can say is in the <a href="/docs">reference</a>.</p>
</div>`
}
