/** What the API answers: the shapes, and how they come from what the store keeps. Times are RFC 3339. */
import { z } from '@hono/zod-openapi'
import { eventTypes, type MailEvent } from '../mail/event.ts'
import { messageStatuses, recipientStatuses } from '../mail/message.ts'
import { causes } from '../mail/outcome.ts'
import { providerStates } from '../mail/provider.ts'
import type { MessageView, StoredPlan } from '../store/store.ts'
import { formatInstant } from './instant.ts'

const at = z.string().openapi({ format: 'date-time' })
const nullable = z.string().nullable()

export const receipt = z
  .object({
    id: z.string().openapi({ example: 'msg_01kxqmv2f0d5p8s3w6z9c2e4g7' }),
    status: z.enum(messageStatuses),
    recipients: z.array(z.object({ email: z.string(), status: z.enum(recipientStatuses) })),
  })
  .openapi('Receipt')

const attempt = z
  .object({
    at,
    provider: z.string(),
    outcome: z.enum(['accepted', 'delivered', 'deferred', 'rejected', 'unknown']).nullable().openapi({
      description: 'Null while the attempt is under way.',
    }),
    cause: z.enum(causes).nullable(),
    code: nullable,
    reason: nullable,
    latencyMs: z.number().nullable(),
  })
  .openapi('Attempt')

export const event = z
  .object({
    id: z.string(),
    type: z.enum(eventTypes),
    at,
    messageId: z.string(),
    recipient: nullable,
    provider: nullable,
    providerMessageId: nullable,
    detail: nullable,
  })
  .openapi('Event')

const listedRecipient = z.object({
  email: z.string(),
  status: z.enum(recipientStatuses),
  provider: nullable,
  providerMessageId: nullable,
})

export const listedMessage = z
  .object({
    id: z.string(),
    status: z.enum(messageStatuses),
    type: z.string(),
    from: z.object({ email: z.string(), name: z.string().optional() }),
    subject: z.string(),
    acceptedAt: at,
    sendAt: at.nullable(),
    expireAt: at,
    via: z.enum(['http', 'smtp']),
    size: z.number(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.string()),
    messageIdHeader: z.string(),
    recipients: z.array(listedRecipient),
  })
  .openapi('ListedMessage')

export const shownMessage = listedMessage
  .extend({
    recipients: z.array(listedRecipient.extend({ attempts: z.array(attempt) })),
    events: z.array(event).openapi({ description: 'The latest 200, the oldest first.' }),
  })
  .openapi('ShownMessage')

const plan = z.object({
  route: z.string().nullable().openapi({ description: 'The rule that matched; null when nothing was tried yet.' }),
  policy: z.string().nullable().openapi({ description: 'The version of its rules: `GET /v1/policies/{version}`.' }),
  candidates: z.array(z.object({ provider: z.string(), score: z.number(), reasons: z.array(z.string()) })),
  rejected: z.array(z.object({ provider: z.string(), reason: z.string() })),
})

const explanation = plan
  .extend({
    plans: z
      .array(plan.extend({ recipients: z.array(z.string()) }))
      .optional()
      .openapi({ description: 'Where recipients take different roads; the first of them is the one above.' }),
  })
  .openapi('Explanation')

export const explainedAhead = explanation
  .extend({
    waits: z
      .object({ until: at, reason: z.string() })
      .optional()
      .openapi({ description: 'Where it would come into the quiet hours of its type: it is sent after them.' }),
  })
  .openapi('ExplainedAhead')

export const explainedMessage = explanation
  .extend({
    attempts: z.array(plan.extend({ id: z.string(), at, provider: z.string(), recipients: z.array(z.string()) })),
  })
  .openapi('ExplainedMessage')

const limitUse = {
  host: nullable.openapi({ description: 'The mailbox host that it holds for; null: for all mail.' }),
  per: z.enum(['second', 'minute', 'hour', 'day', 'month']),
  used: z.number(),
  limit: z.number(),
}

export const monthState = z
  .object({
    spent: z.number(),
    forecast: z.number().nullable(),
    freeLeft: z.number().nullable(),
  })
  .nullable()
  .openapi({
    description:
      'This month (UTC): `spent` with the fee, `forecast` for the whole of it (null on its first day), and the recipients that still cost nothing. Null where nothing costs.',
  })

export const providerState = z
  .object({
    name: z.string(),
    adapter: z.string(),
    state: z.enum(providerStates).openapi({
      description:
        '`open`: its breaker is open until `openUntil`; `probing`: one mail finds out; `returning`: mail comes back in steps, see `share`; `limited`: at its limit; `draining`: taken out of service.',
    }),
    observed: z.enum(['open', 'probing', 'returning']).nullable().openapi({
      description: 'What the breaker of a provider with `observe` would be; it keeps no mail away.',
    }),
    openUntil: at.nullable(),
    reason: nullable.openapi({ description: 'Why its breaker opened.' }),
    share: z.number().openapi({ description: 'The part of mail that its breaker lets go there.' }),
    repeats: z.number().openapi({ description: 'How often its breaker opened again soon after it had closed.' }),
    hosts: z
      .array(
        z.object({
          host: z.string().openapi({ example: 'outlook' }),
          state: z.enum(['shut', 'probing']),
          until: at,
          bad: z.number(),
          of: z.number(),
          success: z.number(),
          repeats: z.number(),
        }),
      )
      .openapi({
        description:
          'Mailbox hosts at which it is passed over: `bad` of `of` answers were deferrals and blocks when that began; `success` is the share of good ones now.',
      }),
    shaped: z
      .array(
        z.object({
          rule: z.string(),
          host: nullable,
          tenant: nullable,
          until: at,
          why: z.string(),
          perHour: z
            .number()
            .openapi({ description: 'Recipients an hour that go there meanwhile: 0 while it is suspended.' }),
        }),
      )
      .openapi({
        description: 'Shaping rules at work: at a mailbox host, for a tenant, or both (null: at all, for all).',
      }),
    labels: z.array(z.string()),
    tenants: z.array(z.string()).nullable().openapi({
      description:
        'Whose own account it is; null: everybody’s. Told to keys with scope `manage` only, as the next two are.',
    }),
    domains: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'From domains that it is for; null: any.', example: ['example.com', '*.example.org'] }),
    identity: z
      .array(
        z.object({
          domain: z.string(),
          state: z.enum(['ready', 'not ready', 'unknown']),
          reason: z.string().openapi({ description: 'Empty where it is ready.' }),
          at,
        }),
      )
      .nullable()
      .openapi({
        description:
          'From domains of its mail, and whether it may send for them; null where `identity` is not configured.',
      }),
    costPerThousand: z.number().openapi({ description: 'What one recipient more costs now, per 1,000.' }),
    month: monthState,
    sentToday: z.number(),
    perDay: z.number().nullable(),
    perSecond: z.number().nullable(),
    limits: z
      .array(z.object(limitUse))
      .openapi({ description: 'How much of each limit is used; of those at mailbox hosts, where mail went of late.' }),
    warmup: z
      .array(
        z.object({
          host: nullable.openapi({ description: 'The mailbox host; null where all count together.' }),
          day: z.number().openapi({ description: 'Which sending day this is, or the next to come.' }),
          used: z.number(),
          limit: z.number(),
          paused: z
            .boolean()
            .openapi({ description: 'Bad signs came in today: the next sending day gets no more than this.' }),
        }),
      )
      .openapi({ description: 'Where it is still warming up: what today allows, and what of that is used.' }),
    success: z.number().nullable(),
    latencyMs: z.number().nullable(),
    inFlight: z.number(),
    hook: z
      .object({
        path: z.string().openapi({ example: '/hooks/relay-eu' }),
        secretInAddress: z
          .boolean()
          .openapi({ description: 'The address must bear `?secret=…`: the vendor signs nothing.' }),
        missing: z.array(z.string()).openapi({ description: 'Settings without which every call is refused.' }),
        setup: z.string(),
      })
      .nullable()
      .openapi({ description: 'Where its vendor sends events; null when it sends none.' }),
  })
  .openapi('Provider')

export const limitState = z
  .object({ of: z.enum(['provider', 'type', 'tenant']), name: z.string(), ...limitUse })
  .openapi('Limit', { description: 'Of limits of providers at mailbox hosts, those where mail went of late.' })

export const budgetState = z
  .object({
    name: z.string(),
    per: z.enum(['month', 'day']),
    limit: z.number(),
    spent: z.number(),
    level: z.number().openapi({
      description: 'The highest warning passed, as a share; 1: nothing is left for the next message; 0: none yet.',
    }),
    until: at.openapi({ description: 'When it begins anew.' }),
  })
  .openapi('Budget')

type Listed = z.infer<typeof listedMessage>
type Shown = z.infer<typeof shownMessage>
type ExplainedMessage = z.infer<typeof explainedMessage>

export function listed({ message, status, recipients }: Omit<MessageView, 'attempts'>): Listed {
  return {
    id: message.id,
    status,
    type: message.type,
    from: message.from,
    subject: message.subject,
    acceptedAt: formatInstant(message.acceptedAt),
    sendAt: message.sendAt === null ? null : formatInstant(message.sendAt),
    expireAt: formatInstant(message.expireAt),
    via: message.via,
    size: message.size,
    tags: message.tags,
    metadata: message.metadata,
    messageIdHeader: message.messageId,
    recipients: recipients.map(({ email, status, provider, providerMessageId }) => {
      return { email, status, provider, providerMessageId }
    }),
  }
}

/** @param events newest first, as the store gives them */
export function shown(view: MessageView, events: MailEvent[]): Shown {
  const attempts = Map.groupBy(view.attempts, (attempt) => attempt.recipient)
  return {
    ...listed(view),
    recipients: view.recipients.map(({ index, email, status, provider, providerMessageId }) => ({
      email,
      status,
      provider,
      providerMessageId,
      attempts: (attempts.get(index) ?? []).map(({ at, provider, outcome, cause, code, reason, latencyMs }) => {
        return { at: formatInstant(at), provider, outcome, cause, code, reason, latencyMs }
      }),
    })),
    events: events.map(shownEvent).reverse(),
  }
}

export function shownEvent(event: MailEvent): z.infer<typeof eventSchema> {
  return { ...event, at: formatInstant(event.at) }
}

const eventSchema = event

/** Which providers for which recipients, and why. `waits`: until when its type keeps it from being sent (epoch milliseconds). */
export interface Explained {
  plans: (StoredPlan & { recipients: string[] })[]
  waits: { until: number; why: string } | null
}

/** What would be sent: the first plan, and all of them where there are several. */
function explained(plans: (StoredPlan & { recipients: string[] })[]): z.infer<typeof explanation> {
  const { recipients: _, ...first } = plans[0] ?? {
    route: null,
    policy: null,
    candidates: [],
    rejected: [],
    recipients: [],
  }
  return { ...first, ...(plans.length > 1 ? { plans } : {}) }
}

/** The same, and until when it would wait for the quiet hours of its type. */
export function explainedBefore({ plans, waits }: Explained): z.infer<typeof explainedAhead> {
  return { ...explained(plans), ...(waits ? { waits: { until: formatInstant(waits.until), reason: waits.why } } : {}) }
}

/** What was tried: the plan behind each recipient's latest attempt, the latest first, and every attempt with its own. */
export function explainedAttempts(view: MessageView): ExplainedMessage {
  const email = (index: number) => view.recipients.find((recipient) => recipient.index === index)?.email ?? ''
  const attempts = [...Map.groupBy(view.attempts, (attempt) => attempt.id).values()].map((rows) => {
    const { id, at, provider, plan } = rows[0]!
    return { id, at: formatInstant(at), provider, recipients: rows.map((row) => email(row.recipient)), ...plan }
  })
  const waiting = new Set(view.recipients.map((recipient) => recipient.email))
  const latest = attempts.toReversed().flatMap(({ id: _, at: __, provider: ___, recipients, ...plan }) => {
    const mine = recipients.filter((recipient) => waiting.delete(recipient))
    return mine.length > 0 ? [{ recipients: mine, ...plan }] : []
  })
  return { ...explained(latest), attempts }
}
