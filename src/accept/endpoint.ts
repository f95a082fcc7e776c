/** One HTTP endpoint, said once: its path, who may call it, what it takes and answers. Route and OpenAPI both come from it. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { type Context, type ErrorHandler, Hono } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import type { Result } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'
import type { Dialect, Templates } from '../mail/dialect.ts'
import type { MoveView } from '../mail/move.ts'
import type { BudgetView, LimitView, ProviderView } from '../mail/provider.ts'
import type { Store } from '../store/store.ts'
import { authenticate, type Key, type Scope, type Sender } from './auth.ts'
import { checkOrigin, localOnly } from './local-only.ts'
import { answerHeaders, fieldErrors, problem, problemAnswer } from './problem.ts'
import { Refusal, type RefusalCode, refusalOf, refusals } from './refusals.ts'
import type { Foreign } from './steering.ts'
import type { Door, Submission } from './submit.ts'
import type { Explained } from './views.ts'

/** What the HTTP API needs of the running gateway. */
export interface HttpParts {
  /** Read at each request. */
  config: () => {
    keys: readonly Key[]
    http: { maxSize: number }
    types: Readonly<Record<string, unknown>>
    signing: string | null
    templates: ReadonlyMap<string, Templates>
  }
  door: Door
  store: Store
  operations: {
    explain(submission: Submission): Promise<Explained>
    providers(): ProviderView[]
    budgets(): BudgetView[]
    limits(): LimitView[]
    drain(name: string): Promise<boolean>
    resume(name: string): Promise<boolean>
    moves(): MoveView[]
    /** Begins a move anew that went back. False for no rule that moves. */
    restart(rule: string): boolean
    wake(): void
  }
  /**
   * Puts other rules (YAML: `routes:`) into the config file and takes them over; answers their version, or what is wrong with them.
   * @throws Error, in words for people, when the file cannot be read or written
   */
  activate: (rules: string, by: string) => Promise<{ version: string } | { problems: string[] }>
  /** The vendors' APIs that are spoken to applications. */
  dialects: () => Promise<readonly Dialect[]>
  /** The headers of vendors' relays, where raw mail is read for them. */
  foreign?: Foreign
  /** Why events may not go out to this address; null when they may, as far as it shows. */
  webhookRefusal: (url: string) => string | null
  clock: () => number
  /** Where bugs are reported. */
  log: { error(details: object, message: string): void; info?(details: object, message: string): void }
}

type Media = Record<string, { schema: z.ZodType; example?: unknown }>

interface Endpoint<Query extends z.ZodObject> {
  method: 'get' | 'post' | 'put' | 'delete'
  /** As OpenAPI writes it: `/v1/messages/{id}`. */
  path: string
  /** What the key must be good for; null: open to everyone. */
  scope: Scope | null
  summary: string
  description?: string
  /** Strict: a parameter that it does not name is refused. */
  query?: Query
  headers?: z.ZodObject
  body?: Media
  /** True: the body may be left out. */
  bodyOptional?: true
  answers: Record<number, { description: string; content?: Media; headers?: z.ZodObject }>
  /** Those that are its own; what any request can meet need not be named. */
  refusals?: RefusalCode[]
}

/** A request that has passed: the key is good, its scope and query are right. */
export interface Ask<Query extends z.ZodObject> {
  c: Context
  sender: Sender
  query: z.infer<Query>
}

export interface Api {
  app: OpenAPIHono
  /** Adds an endpoint. What `handle` throws is answered as a problem. */
  on<Query extends z.ZodObject>(
    endpoint: Endpoint<Query>,
    handle: (ask: Ask<Query>) => Response | Promise<Response>,
  ): void
}

/**
 * An empty API: it knows how to refuse, and nothing else yet.
 * @param elsewhere answers what none of its paths are
 */
export function api(
  parts: Pick<HttpParts, 'config' | 'log'>,
  elsewhere: (request: Request) => Response | Promise<Response>,
): Api {
  const app = new OpenAPIHono({ router: new Routes() })
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' })

  // Vendors come from elsewhere, and prove themselves.
  localOnly(app, () => parts.config().keys.length === 0, '/hooks/')

  const failed: ErrorHandler = (error, c) => {
    const refusal = refusalOf(error)
    if (refusal === null) parts.log.error({ err: error, method: c.req.method, path: c.req.path }, 'a request met a bug')
    return problemAnswer(refusal)
  }
  app.onError(failed)

  // An app of its own: middleware of the other would run for what is found too.
  const lost = new Hono()
  lost.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (_, methods) => {
        const allow = methods.join(', ')
        return problemAnswer(new Refusal('method', `This path takes ${allow}.`), { allow })
      },
    }),
  )
  lost.onError(failed)
  lost.notFound(({ req }) => elsewhere(req.raw))
  app.notFound(({ req }) => lost.fetch(req.raw))

  return {
    app,
    on(endpoint, handle) {
      app.openAPIRegistry.registerPath(described(endpoint))
      const query = endpoint.query ?? noQuery
      const path = endpoint.path.replace(/\{(\w+)\}/g, ':$1')
      // Looked at once, for most requests have none.
      const none = readQuery('', query)
      app.on(endpoint.method.toUpperCase(), path, (c) => {
        const sender = caller(c.req.raw.headers, parts.config().keys, endpoint.scope)
        const start = endpoint.scope === null ? -1 : c.req.url.indexOf('?')
        return handle({ c, sender, query: (start === -1 ? none : readQuery(c.req.url.slice(start), query)) as never })
      })
    },
  }
}

/** The router that Hono takes for paths like ours, which remembers what a path without places leads to. */
class Routes<Handler> extends TrieRouter<Handler> {
  readonly #fixed = new Map<string, Result<Handler> | null>()

  override add(method: string, path: string, handler: Handler): void {
    super.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#fixed.set(`${method} ${path}`, null)
  }

  override match(method: string, path: string): Result<Handler> {
    const fixed = `${method} ${path}`
    const known = this.#fixed.get(fixed)
    if (known) return known
    const found = super.match(method, path)
    if (known === null) this.#fixed.set(fixed, found)
    return found
  }
}

/** A JSON answer. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...answerHeaders, 'content-type': 'application/json', ...headers },
  })
}

const noQuery = z.strictObject({})
const nobody: Sender = { tenant: '', scopes: [], from: [] }

/**
 * Who asks. Exactly one Authorization header counts (two arrive joined by a comma, which no key has), and never a query.
 * The scheme's case does not matter: RFC 9110 section 11.1.
 * @throws Refusal `unauthorized`, `scope`, `misdirected`
 */
function caller(headers: Headers, keys: readonly Key[], scope: Scope | null): Sender {
  if (scope === null) return nobody
  if (keys.length === 0) checkOrigin(headers)
  const header = headers.get('authorization')
  const key = header === null ? null : (/^Bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1] ?? null)
  const sender = authenticate(keys, key)
  if (sender === null) throw new Refusal('unauthorized', 'Send a key: Authorization: Bearer wp_live_…')
  if (!sender.scopes.includes(scope)) throw new Refusal('scope', `This needs a key with scope ${scope}.`)
  return sender
}

/** The query's parameters, checked. One that comes several times is a list. @throws Refusal `invalid` */
function readQuery(query: string, schema: z.ZodObject): unknown {
  const given = new Map<string, string | string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    const before = given.get(name)
    if (Array.isArray(before)) before.push(value)
    else given.set(name, before === undefined ? value : [before, value])
  }
  const parsed = schema.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  const errors = fieldErrors(parsed.error.issues)
  const [first] = errors
  throw new Refusal('invalid', `Query parameter ${first?.pointer.slice(1)}: ${first?.detail}`, { errors })
}

/** Refusals that any request with a key can meet. */
const common: RefusalCode[] = ['unauthorized', 'scope', 'misdirected', 'invalid', 'unavailable']

function described(endpoint: Endpoint<z.ZodObject>): Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0] {
  const { scope, query, headers, body } = endpoint
  const codes = new Set([...(scope === null ? [] : common), ...(endpoint.refusals ?? [])])
  const answers: Record<string, object> = { ...endpoint.answers }
  for (const code of codes) {
    const { http, title } = refusals[code]
    const before = (answers[http] as { description: string } | undefined)?.description
    answers[http] = {
      description: `${before ? `${before}; ` : ''}${title} (\`${code}\`)`,
      content: { 'application/problem+json': { schema: problem } },
    }
  }
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
  return {
    method: endpoint.method,
    path: endpoint.path,
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    ...(scope === null ? {} : { security: [{ key: [] }], 'x-scope': scope }),
    request: {
      ...(names.length > 0 ? { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } : {}),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: { required: !endpoint.bodyOptional, content: body } }),
    },
    responses: answers as never,
  }
}
