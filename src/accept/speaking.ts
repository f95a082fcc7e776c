/**
 * Vendors' APIs as applications speak them: each dialect's routes, at the root and under the vendor's name, with and without a slash at
 * the end. What they want goes through the same door as everything; what becomes of it, every no included, goes back in their words.
 */
import { type Context, Hono } from 'hono'
import { canonicalOrNull, suppressionKey } from '../mail/address.ts'
import type {
  Asked,
  Dialect,
  Does,
  Done,
  EventsWanted,
  Known,
  Reply,
  Route,
  Sending,
  Trouble,
  Wanted,
} from '../mail/dialect.ts'
import { Untranslatable } from '../mail/dialect.ts'
import type { MailEvent } from '../mail/event.ts'
import { groupOf, idInGroup, mostInGroup, newId } from '../mail/id.ts'
import type { Message } from '../mail/message.ts'
import type { MessageView } from '../store/store.ts'
import { anyone, authenticate, type Key, type Scope, type Sender, signingName, signingSecret } from './auth.ts'
import { unpacked } from './body.ts'
import type { HttpParts } from './endpoint.ts'
import { checkKey, keyed } from './idempotency.ts'
import { checkOrigin } from './local-only.ts'
import { paged } from './paging.ts'
import { checkMarks, readMessage } from './payload.ts'
import { answerHeaders, problemAnswer, problemOf } from './problem.ts'
import { readRaw } from './raw-http.ts'
import { Refusal, refusalOf } from './refusals.ts'
import type { Submission } from './submit.ts'

/** What a route needs of a key. */
const scopes: Record<Does['kind'], Scope> = {
  send: 'send',
  cancel: 'send',
  reschedule: 'send',
  show: 'read',
  events: 'read',
  suppressions: 'read',
  say: 'read',
  unsuppress: 'manage',
}

/** Every route of every dialect. Fixed paths go before those with places, whosever they are. */
export function speaking(parts: HttpParts, dialects: readonly Dialect[]): Hono {
  const app = new Hono()
  const all = dialects.flatMap((dialect) => dialect.routes.map((route) => ({ dialect, route })))
  const places = ({ route }: { route: Route }) => route.path.split('{').length
  for (const { dialect, route } of all.toSorted((a, b) => places(a) - places(b))) {
    const path = route.path.replace(/\{(\w+)\}/g, ':$1')
    const handle = (c: Context) => spoken(parts, dialect, route, c)
    for (const under of [`/${dialect.name}`, '']) {
      app.on(route.method, under + path, handle)
      if (path !== '/') app.on(route.method, `${under}${path}/`, handle)
    }
  }
  for (const dialect of dialects) {
    app.all(`/${dialect.name}/*`, (c) => {
      const known = dialect.routes.some(({ path }) => matches(`/${dialect.name}${path}`, c.req.path))
      const refusal = known
        ? new Refusal('method', `This path does not take ${c.req.method}.`)
        : new Refusal('not_found', 'There is nothing at this path.')
      return written(dialect.refused(troubleOf(refusal), bare(c, parts, dialect)))
    })
  }
  app.notFound(() => problemAnswer(new Refusal('not_found', 'There is nothing at this path.')))
  return app
}

function matches(pattern: string, path: string): boolean {
  const expression = pattern.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')
  return new RegExp(`^${expression}/?$`).test(path)
}

async function spoken(parts: HttpParts, dialect: Dialect, route: Route, c: Context): Promise<Response> {
  let request: Asked = bare(c, parts, dialect)
  try {
    const sender = await whoAsks(parts, dialect, route, c, (full) => {
      request = full
    })
    return written(await done(parts, dialect, route, request, sender))
  } catch (error) {
    if (error instanceof Untranslatable) return written(dialect.refused(error.trouble, request))
    const refusal = refusalOf(error)
    if (refusal === null) {
      parts.log.error({ err: error, dialect: dialect.name, path: c.req.path }, 'a request in a dialect met a bug')
      return written(
        dialect.refused(
          { status: 500, code: 'internal', detail: 'Something went wrong on our side.', errors: [] },
          request,
        ),
      )
    }
    return written(dialect.refused(troubleOf(refusal), request))
  }
}

/**
 * Finds the key, and reads the request: in this order wherever the key is in the headers, so that a stranger's body is never taken in.
 * @throws Refusal `misdirected`, `unauthorized`, `scope`
 */
async function whoAsks(
  parts: HttpParts,
  dialect: Dialect,
  route: Route,
  c: Context,
  read: (asked: Asked) => void,
): Promise<Sender> {
  if (route.does.kind === 'send') parts.door.ready()
  const { keys } = parts.config()
  if (keys.length === 0) checkOrigin(c.req.raw.headers)
  if (!dialect.keyInBody && !isNamed(keys, dialect, bare(c, parts, dialect))) throw unauthorized()
  const request = await asked(c, parts, dialect)
  read(request)
  const sender = dialect.signed
    ? await signer(parts, dialect.signed, request)
    : authenticate(keys, dialect.key(request))
  if (sender === null) throw unauthorized()
  const scope = scopes[route.does.kind]
  // Those who only send also look whether they could: a ping, an account.
  const enough = sender.scopes.includes(scope) || (route.does.kind === 'say' && sender.scopes.includes('send'))
  if (!enough) throw new Refusal('scope', `This needs a key with scope ${scope}.`)
  return sender
}

/** Whether the request has one of the keys, or says to be signed with one. */
function isNamed(keys: readonly Key[], { key, signed }: Dialect, request: Asked): boolean {
  if (!signed) return authenticate(keys, key(request)) !== null
  return keys.length === 0 || keys.some((one) => signingName(one) === signed.name(request))
}

function unauthorized(): Refusal {
  return new Refusal('unauthorized', 'This key is not one of ours.')
}

/** Whose signature it is; null when it is nobody's, or there is no secret to make theirs with. */
async function signer(
  parts: HttpParts,
  signed: NonNullable<Dialect['signed']>,
  request: Asked,
): Promise<Sender | null> {
  const { keys, signing } = parts.config()
  if (keys.length === 0) return anyone
  const name = signed.name(request)
  const key = keys.find((one) => signingName(one) === name)
  if (!key || name === null || signing === null) return null
  return (await signed.verify(request, signingSecret(signing, name))) ? key : null
}

async function done(
  parts: HttpParts,
  dialect: Dialect,
  { does }: Route,
  request: Asked,
  sender: Sender,
): Promise<Reply> {
  switch (does.kind) {
    case 'send': {
      const sending = await does.read(request)
      return sent(parts, dialect, does, request, sending, await send(parts, sending, request, sender))
    }
    case 'show':
      return does.answer(await find(parts, does.id(request), sender), request)
    case 'cancel': {
      const { message } = await find(parts, does.id(request), sender)
      let changed = (await parts.store.steer(message.id, sender.tenant, 'cancel', parts.clock())) ?? 0
      for (let index = 1, more = does.grouped === true; more && index < mostInGroup; index++) {
        const id = groupOf(message.id, index)
        more = (await parts.store.message(id, sender.tenant)) !== null
        if (more) changed += (await parts.store.steer(id, sender.tenant, 'cancel', parts.clock())) ?? 0
      }
      if (changed === 0) throw new Refusal('too_late', 'There is nothing left to cancel.')
      return does.answer(await find(parts, message.id, sender), request)
    }
    case 'reschedule': {
      const { message } = await find(parts, does.id(request), sender)
      const at = does.sendAt(request)
      const changed = await parts.store.reschedule(message.id, sender.tenant, at, parts.clock())
      if (changed === 0) throw new Refusal('too_late', 'It is not scheduled any more.')
      parts.operations.wake()
      return does.answer(await find(parts, message.id, sender), request)
    }
    case 'events': {
      return does.answer(await eventsFor(parts, does.read(request), sender), request)
    }
    case 'suppressions': {
      const { email, ...wanted } = does.read(request)
      const key = email === undefined ? {} : { key: keyOfAddress(email) }
      const page = await paged(() => parts.store.suppressions({ tenant: sender.tenant, ...wanted, ...key }))
      return does.answer(
        { entries: page.rows.map(({ key, ...rest }) => ({ email: key, ...rest })), next: page.next },
        request,
      )
    }
    case 'unsuppress': {
      const keys = [does.email(request)].flat().map(keyOfAddress)
      const only = does.reason === undefined ? {} : { reason: does.reason }
      return does.answer((await parts.store.unsuppress(sender.tenant, keys, only)) > 0, request)
    }
    case 'say':
      return does.answer(request)
  }
}

/** `''` for what is no address, and so under no key. */
function keyOfAddress(email: string): string {
  return suppressionKey(canonicalOrNull(email) ?? '')
}

/** A page of events with their messages. One from which `only` left nothing is not the last: the search goes on. */
async function eventsFor(
  { store }: HttpParts,
  { types, only, ...wanted }: EventsWanted,
  { tenant }: Sender,
): Promise<{ events: (MailEvent & { message: Message })[]; next: string | null }> {
  let asks = { tenant, ...wanted, ...(types.length > 0 ? { types } : {}) }
  for (;;) {
    const page = await paged(() => store.events(asks))
    const ids = [...new Set(page.rows.map(({ messageId }) => messageId))]
    const views = await Promise.all(ids.map((id) => store.message(id, tenant)))
    const messages = new Map(views.flatMap((view) => (view ? [[view.message.id, view.message] as const] : [])))
    const events = page.rows.flatMap((event) => {
      const message = messages.get(event.messageId)
      return message && (only?.(event, message) ?? true) ? [{ ...event, message }] : []
    })
    if (events.length > 0 || page.next === null) return { events, next: page.next }
    asks = { ...asks, cursor: page.next }
  }
}

async function find({ store }: HttpParts, id: string | null, { tenant }: Sender): Promise<Known> {
  const view: MessageView | null = id === null ? null : await store.message(id, tenant)
  if (view === null) throw new Refusal('not_found', 'There is no such message.')
  const { rows } = await store.events({ tenant, messageId: view.message.id, limit: 200 })
  return { message: view.message, recipients: view.recipients, events: rows.toReversed() }
}

/** Each message is taken or refused by itself; all are submitted in one turn, so that the store can commit them together. */
async function send(parts: HttpParts, sending: Sending, request: Asked, sender: Sender): Promise<Done[]> {
  const checked = await Promise.all(
    sending.messages.map((wanted) => attempt(parts, wanted, async () => read(parts, wanted, request, sender))),
  )
  const ids = sending.grouped ? idsInGroups(sending, newId('msg', parts.clock())) : []
  const stop = sending.dry || (sending.together && checked.some((one) => 'trouble' in one))
  return Promise.all(
    checked.map(async (one, index): Promise<Done> => {
      if ('trouble' in one) return { kind: 'refused', trouble: one.trouble }
      if (stop) return { kind: 'taken', id: dryId, replayed: false, recipients: [] }
      const taken = await attempt(parts, sending.messages[index]!, () =>
        parts.door.submit(ids[index] === undefined ? one.value : { ...one.value, id: ids[index] }),
      )
      if ('trouble' in taken) return { kind: 'refused', trouble: taken.trouble }
      const { id, replayed, recipients } = taken.value
      return { kind: 'taken', id, replayed, recipients: recipients as Extract<Done, { kind: 'taken' }>['recipients'] }
    }),
  )
}

/** The ids of messages in their order, each the next one of its group. */
function idsInGroups({ messages, grouped }: Sending, call: string): string[] {
  const counts = new Map<number, number>()
  return messages.map((_, place) => {
    const group = Array.isArray(grouped) ? grouped[place]! : 0
    const index = counts.get(group) ?? 0
    counts.set(group, index + 1)
    return idInGroup(call, index, group)
  })
}

/** The id of a message that was only checked. */
const dryId = 'msg_00000000000000000000000000'

function read(parts: HttpParts, wanted: Wanted, request: Asked, sender: Sender) {
  if ('refused' in wanted) throw new Untranslatable(wanted.refused)
  if (wanted.key !== undefined) checkKey(wanted.key)
  const now = parts.clock()
  if ('json' in wanted) {
    const submission = onlyTo(readMessage(wanted.json, sender, now), wanted.to)
    return wanted.key === undefined ? submission : keyed(submission, wanted.key, JSON.stringify(wanted.json))
  }
  return readRaw(parts.door, {
    request: new Request(request.origin, { method: 'POST', body: wanted.raw as Uint8Array<ArrayBuffer> }),
    sender,
    query: { ...(wanted.from === undefined ? {} : { from: wanted.from }), ...(wanted.to ? { to: wanted.to } : {}) },
    key: wanted.key ?? null,
    maxSize: parts.config().http.maxSize,
    now,
    foreign: parts.foreign,
  }).then((submission) => {
    const tags = [...submission.tags, ...(wanted.tags ?? [])]
    const metadata = { ...submission.metadata, ...wanted.metadata }
    checkMarks(tags, metadata)
    return {
      ...submission,
      ...(wanted.type === undefined ? {} : { type: wanted.type }),
      ...(wanted.sendAt === undefined ? {} : { sendAt: wanted.sendAt }),
      tags,
      metadata,
    }
  })
}

/** Names that are none of its recipients change nothing. */
function onlyTo(submission: Submission, to: readonly string[] | undefined): Submission {
  if (to === undefined) return submission
  const wanted = new Set(to.map((email) => canonicalOrNull(email)))
  return { ...submission, recipients: submission.recipients.filter(({ email }) => wanted.has(email)) }
}

async function attempt<T>(
  parts: HttpParts,
  wanted: Wanted,
  work: () => Promise<T>,
): Promise<{ value: T } | { trouble: Trouble }> {
  try {
    return { value: await work() }
  } catch (error) {
    if (error instanceof Untranslatable) return { trouble: error.trouble }
    const refusal = refusalOf(error)
    if (refusal === null) parts.log.error({ err: error }, 'a message in a dialect met a bug')
    return { trouble: troubleOf(refusal, wanted.field) }
  }
}

function sent(
  parts: HttpParts,
  dialect: Dialect,
  does: Extract<Does, { kind: 'send' }>,
  request: Asked,
  sending: Sending,
  done: Done[],
): Reply {
  const refused = done.find((one) => one.kind === 'refused')
  // When the store failed in the midst of them, some are taken all the same, and a no would bring them again.
  const some = done.some((one) => one.kind === 'taken' && one.id !== dryId)
  if (sending.together && refused && !some) return dialect.refused(refused.trouble, request)
  const reply = does.answer(done, request, sending)
  const ignored = sending.ignored ?? []
  if (ignored.length === 0) return reply
  parts.log.info?.({ dialect: dialect.name, ignored }, 'a request in a dialect asked for what is not done here')
  return { ...reply, headers: { ...reply.headers, 'x-waypost-ignored': told(ignored) } }
}

/** Names that came from a client, in a header: what it cannot hold would be an error after the mail was taken. */
function told(names: readonly string[]): string {
  return [...new Set(names)]
    .slice(0, 50)
    .map((name) => name.slice(0, 100).replace(/[^\x20-\x7e]/g, '?'))
    .join(', ')
}

/** What we have before the body is read: enough to say no in the right words. */
function bare(c: Context, { clock, config }: HttpParts, dialect: Dialect): Asked {
  const url = new URL(c.req.url)
  const prefix = `/${dialect.name}`
  const path = url.pathname.startsWith(`${prefix}/`) ? url.pathname.slice(prefix.length) : url.pathname
  return {
    method: c.req.method,
    path: path.length > 1 ? path.replace(/\/$/, '') : path,
    params: c.req.param() as Record<string, string>,
    query: url.searchParams,
    headers: Object.fromEntries(c.req.raw.headers),
    body: new Uint8Array(),
    origin: originOf(c, url),
    url: c.req.url,
    at: clock(),
    templates: config().templates.get(dialect.name) ?? new Map(),
  }
}

/** As the client knows us: behind a proxy that ends TLS, by what that says. It goes into links to this client alone. */
function originOf(c: Context, url: URL): string {
  const proto = c.req.header('x-forwarded-proto')?.split(',')[0]?.trim()
  const host = c.req.header('x-forwarded-host')?.split(',')[0]?.trim() ?? url.host
  return URL.parse(`${proto === 'https' ? proto : url.protocol.slice(0, -1)}://${host}`)?.origin ?? url.origin
}

async function asked(c: Context, parts: HttpParts, dialect: Dialect): Promise<Asked> {
  return { ...bare(c, parts, dialect), body: await unpacked(c.req.raw, parts.config().http.maxSize) }
}

function troubleOf(refusal: Refusal | null, field?: Wanted['field']): Trouble {
  const { status, code, detail, errors = [] } = problemOf(refusal)
  return {
    status,
    code,
    detail: errors.length > 0 ? errors[0]!.detail : detail,
    errors: errors.map(({ pointer, detail }) => ({
      field: field?.(pointer) ?? pointer.slice(1).replaceAll('/', '.'),
      detail,
    })),
    ...(refusal?.retryAfter === undefined ? {} : { retryAfter: refusal.retryAfter }),
  }
}

function written({ status, headers = {}, body }: Reply): Response {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const type = text === undefined || 'content-type' in headers ? {} : { 'content-type': 'application/json' }
  return new Response(text ?? null, { status, headers: { ...answerHeaders, ...type, ...headers } })
}
