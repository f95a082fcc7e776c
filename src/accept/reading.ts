/** Reading back: messages, what became of them, why, and their content; and steering those that still wait. */
import { z } from '@hono/zod-openapi'
import { readAddress } from '../mail/address.ts'
import { keptParts } from '../mail/kept-parts.ts'
import { messageStatuses } from '../mail/message.ts'
import type { MessageView, Steer } from '../store/store.ts'
import { type Api, type Ask, answer, type HttpParts } from './endpoint.ts'
import { time } from './instant.ts'
import { next, paged, pageOf, paging, present } from './paging.ts'
import { answerHeaders } from './problem.ts'
import { Refusal } from './refusals.ts'
import {
  event,
  explainedAttempts,
  explainedMessage,
  listed,
  listedMessage,
  shown,
  shownEvent,
  shownMessage,
} from './views.ts'

const address = z
  .string()
  .max(1000)
  .transform((text, context) => {
    const read = readAddress(text)
    if ('email' in read) return read.email
    context.addIssue(read.problem)
    return z.NEVER
  })
  .openapi({ type: 'string', example: 'bob@example.net' })

const word = z.string().min(1).max(128).optional()

const filters = z.strictObject({
  status: z.enum(messageStatuses).optional(),
  recipient: address.optional(),
  provider: word,
  type: word,
  tag: word,
  since: time.optional(),
  until: time.optional(),
  ...paging,
})

const events = z.object({ events: z.array(event), next }).openapi('EventList')
const messages = z.object({ messages: z.array(listedMessage), next }).openapi('MessageList')

const steering: Record<Steer, string> = {
  cancel: 'Cancel what waits or is held',
  retry: 'Try at once what waits, and again what ended badly',
  release: 'Send what is held',
}

function json(description: string, schema: z.ZodType) {
  return { 200: { description, content: { 'application/json': { schema } } } }
}

/** Adds the endpoints that read messages and events back, and steer them. */
export function reading(api: Api, parts: HttpParts): void {
  const { store } = parts

  async function find({ c, sender }: Ask<z.ZodObject>): Promise<MessageView> {
    const id = c.req.param('id') ?? ''
    const view = /^msg_[0-9a-z]{26}$/.test(id) ? await store.message(id, sender.tenant) : null
    if (view === null) throw new Refusal('not_found', 'There is no such message.')
    return view
  }

  async function show(ask: Ask<z.ZodObject>): Promise<Response> {
    const view = await find(ask)
    const { rows } = await store.events({ tenant: ask.sender.tenant, messageId: view.message.id, limit: 200 })
    return answer(200, shown(view, rows))
  }

  async function showEvents({ sender, query }: Ask<typeof pageOf>, messageId?: string): Promise<Response> {
    const { limit = 50, cursor } = query
    const page = await paged(() => store.events({ tenant: sender.tenant, limit, ...present({ cursor, messageId }) }))
    return answer(200, { events: page.rows.map(shownEvent), next: page.next })
  }

  api.on(
    {
      method: 'get',
      path: '/v1/messages',
      scope: 'read',
      summary: 'List messages, newest first',
      query: filters,
      answers: json('A page', messages),
      refusals: ['malformed'],
    },
    async ({ sender, query }) => {
      const { limit = 50, ...rest } = query
      const page = await paged(() => store.messages({ tenant: sender.tenant, limit, ...present(rest) }))
      return answer(200, { messages: page.rows.map(listed), next: page.next })
    },
  )

  api.on(
    {
      method: 'get',
      path: '/v1/messages/{id}',
      scope: 'read',
      summary: 'Show a message, its recipients, attempts and events',
      answers: json('The message', shownMessage),
      refusals: ['not_found'],
    },
    show,
  )

  api.on(
    {
      method: 'get',
      path: '/v1/messages/{id}/events',
      scope: 'read',
      summary: "List a message's events, newest first",
      query: pageOf,
      answers: json('A page', events),
      refusals: ['malformed', 'not_found'],
    },
    async (ask) => showEvents(ask, (await find(ask)).message.id),
  )

  api.on(
    {
      method: 'get',
      path: '/v1/messages/{id}/explain',
      scope: 'read',
      summary: 'Say why a message went the way it went',
      answers: json('The plans, as they were when it was tried', explainedMessage),
      refusals: ['not_found'],
    },
    async (ask) => answer(200, explainedAttempts(await find(ask))),
  )

  api.on(
    {
      method: 'get',
      path: '/v1/messages/{id}/raw',
      scope: 'read',
      summary: 'Fetch a message as RFC 5322',
      answers: { 200: { description: 'The message', content: { 'message/rfc822': { schema: z.string() } } } },
      refusals: ['not_found'],
    },
    async (ask) => {
      const { message } = await find(ask)
      const pieces: Uint8Array[] = []
      for await (const piece of store.content(message.id)) pieces.push(piece)
      if (pieces.length === 0) throw new Refusal('not_found', 'The content of this message was deleted.')
      const bytes = Buffer.concat(pieces)
      const { compose } = await import('../mail/compose.ts')
      const raw = message.form === 'raw' ? bytes : await compose(message, keptParts(bytes))
      return new Response(raw as Uint8Array<ArrayBuffer>, {
        headers: {
          ...answerHeaders,
          'content-type': 'message/rfc822',
          'content-disposition': `attachment; filename="${message.id}.eml"`,
        },
      })
    },
  )

  for (const what of Object.keys(steering) as Steer[]) {
    api.on(
      {
        method: 'post',
        path: `/v1/messages/{id}/${what}`,
        scope: 'send',
        summary: steering[what],
        answers: json('The message as it is now', shownMessage),
        refusals: ['not_found', 'too_late'],
      },
      async (ask) => {
        const { message } = await find(ask)
        const changed = await store.steer(message.id, ask.sender.tenant, what, parts.clock())
        if (changed === null) throw new Refusal('not_found', 'There is no such message.')
        if (changed === 0) throw new Refusal('too_late', `There is nothing left to ${what}.`)
        parts.operations.wake()
        return show(ask)
      },
    )
  }

  api.on(
    {
      method: 'get',
      path: '/v1/events',
      scope: 'read',
      summary: 'List all events, newest first',
      query: pageOf,
      answers: json('A page', events),
      refusals: ['malformed'],
    },
    (ask) => showEvents(ask),
  )
}
