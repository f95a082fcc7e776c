/** The shape of a config, key by key with its default and its help: the one source of the check, the JSON Schema and the docs. */
import { z } from 'zod'
import { scopes } from '../accept/auth.ts'
import { templateLanguages } from '../mail/dialect.ts'
import { isZone, metadataKey, type Quiet } from '../mail/quiet.ts'
import { wishes } from '../route/fit.ts'
import { budget } from './budgets.ts'
import { cost } from './cost.ts'
import { demand } from './demands.ts'
import { domainPattern } from './domains.ts'
import { identity } from './identity.ts'
import { limits, mailboxHost, rates, warmup } from './limits.ts'
import { rule } from './routes.ts'
import { shapingRule } from './shaping.ts'
import { tenant } from './tenants.ts'
import { duration, listen, name, size, timeOfDay } from './units.ts'

const tls = z
  .strictObject({
    cert: z.string().min(1).describe('File with the certificate and its chain, PEM'),
    key: z.string().min(1).describe('File with the private key, PEM'),
  })
  .describe('Certificate and key. Relative paths start at the working directory')

const http = z.strictObject({
  listen: listen
    .prefault('127.0.0.1:8025')
    .describe('Where the API and the dashboard listen: host:port; :port is every address'),
  maxSize: size.prefault('35MB').describe('The largest request body taken'),
  tls: tls.optional(),
})

const smtp = z.strictObject({
  listen: listen.prefault('127.0.0.1:2525').describe('Where SMTP submission listens; with tls it offers STARTTLS'),
  maxSize: size.prefault('25MB').describe('The largest message taken'),
  tls: tls.optional(),
  tlsListen: listen.optional().describe('Where SMTP listens with TLS from the first byte; needs tls'),
  auth: z
    .enum(['required', 'optional'])
    .optional()
    .describe(
      'Whether a client must log in with a key. Default: required when there are keys, optional when there are none',
    ),
  maxConnections: z.int().min(1).max(100_000).prefault(500).describe('Connections open at once; more are turned away'),
  maxRecipients: z.int().min(1).max(10_000).prefault(1000).describe('Recipients of one message'),
})

const key = z.strictObject({
  hash: z
    .string()
    .regex(/^sha256:[0-9a-fA-F]{64}$/, 'expected sha256: and 64 hex digits, as "waypost keys create" prints it')
    .describe('SHA-256 of the key: sha256:<hex>. "waypost keys create" makes one'),
  tenant: name.describe('Whose messages the key sends and sees'),
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .prefault(['send'])
    .describe('What it may do: send, read, route (pin a provider), manage'),
  from: z
    .array(z.string())
    .prefault([])
    .describe('Domains it may send from, header From and envelope alike; none: any'),
})

const retry = {
  first: duration.describe('The wait before the second try'),
  max: duration.describe('The longest wait; waits double from first to max, with jitter'),
}

const zone = z
  .string()
  .refine(
    (zone) => isZone(zone) || (metadataKey(zone) ?? '') !== '',
    'there is no such time zone; expected an IANA name, such as Europe/Berlin, or metadata.<key>',
  )

/** A kind of mail, as far as the config says something about it. */
export const type = z.strictObject({
  expire: duration.optional().describe('How long after acceptance it is given up'),
  onUnknown: z
    .enum(['reconcile', 'hold', 'failover'])
    .optional()
    .describe(
      'When mail left and no answer came back: reconcile (look for evidence), hold (wait for an operator), failover (send again elsewhere, perhaps twice)',
    ),
  reconcileFor: duration.optional().describe('How long an unknown waits for evidence before onUnknown decides'),
  priority: z.enum(['high', 'normal', 'low']).optional().describe('Which goes first when there is much to do'),
  retry: z
    .strictObject({ first: retry.first.optional(), max: retry.max.optional() })
    .optional()
    .describe('Overrides the retry of all types'),
  deadline: z
    .strictObject({
      taken: duration
        .optional()
        .describe(
          'How long after it became due a provider may take to take it; then it is offered to the next. 3s for otp',
        ),
      delivered: duration
        .optional()
        .describe(
          'How long after a provider took it its delivery may take to be told; then it is sent once more, by another. Needs onUnknown: failover, and holds for providers whose delivered events come in',
        ),
    })
    .optional()
    .describe('By when it must be taken, and delivered'),
  attempts: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('How many rounds of trying there are at most, each over all providers; then it has failed'),
  quiet: z
    .strictObject({
      from: timeOfDay.describe('When they begin: "22:00"'),
      to: timeOfDay.describe('When they end: "07:00"'),
      zone: z
        .union([zone, z.array(zone).min(1)])
        .prefault('UTC')
        .describe(
          'Whose clock: Europe/Berlin, or metadata.<key>, where the message names its zone; of a list the first that is one, and UTC where none is',
        ),
    })
    .transform(({ from, to, zone }): Quiet => ({ from, to, zones: [zone].flat() }))
    .optional()
    .describe('Hours in which it is not sent; it waits until they end'),
  unsubscribes: z
    .boolean()
    .optional()
    .describe(
      'Whether an unsubscribe that a provider tells of suppresses the address for this type; true for marketing',
    ),
  explore: z
    .boolean()
    .optional()
    .describe('Whether "adaptive" may use it to find out which provider is best; false for otp'),
  labels: z.array(name).optional().describe('Only providers that bear all of these labels may carry it'),
  needs: z
    .array(z.enum(wishes))
    .min(1)
    .optional()
    .describe('What of it must be carried whole, tags and metadata; else a provider that cannot leaves them out'),
  limits: limits
    .optional()
    .describe('How much of it may go, over all providers together; what is more waits until there is room'),
})

/** What every provider may say, whatever its adapter; the rest are the adapter's own settings. */
export const provider = z.looseObject({
  adapter: z.string().describe('Which vendor or protocol it speaks'),
  via: z
    .enum(['api', 'smtp'])
    .optional()
    .describe('How a vendor that can be reached in two ways is: by its API, the default, or by its SMTP server'),
  cost,
  limits: z
    .strictObject({
      ...rates,
      hosts: z
        .record(mailboxHost, limits)
        .refine((hosts) => Object.keys(hosts).length > 0, 'names no mailbox host; leave it out')
        .optional()
        .describe(
          'What may go to each mailbox host, by its name (gmail, outlook, …) or its domain; others: to each that is not named',
        ),
      inFlight: z
        .int()
        .min(1)
        .max(10_000)
        .prefault(150)
        .describe(
          'Calls under way at once, of the 200 that the gateway makes at once; of straight-to-MX mail a quarter of it for one domain',
        ),
    })
    .prefault({})
    .describe('At its limit a provider is passed over for the next; with no next, mail waits'),
  warmup: warmup.optional().describe('What it may be given while it is new; what is more goes to the next'),
  timeout: duration.prefault('30s').describe('For a whole answer; connecting has 5s of it'),
  breaker: z
    .strictObject({
      failures: z.int().min(1).prefault(5).describe('Failures that open it'),
      open: duration
        .prefault('30s')
        .describe('How long it stays open before a probe; twice as long each time it opens again soon, up to 10m'),
      probes: z
        .int()
        .min(1)
        .prefault(1)
        .describe('Probes, one after the other, that must go well before mail returns, in steps'),
      observe: z
        .boolean()
        .prefault(false)
        .describe('Only says when it would keep mail away, in the log, the views and the metrics; keeps none away'),
    })
    .prefault({})
    .describe('Stops using a provider that fails'),
  labels: z.array(name).prefault([]).describe('Marks that a type, a tenant or a demand can ask for, such as eu'),
  tenants: z.array(name).min(1).optional().describe('Whose own account it is; mail of others never goes there'),
  domains: z
    .array(domainPattern)
    .min(1)
    .optional()
    .describe('From domains that it is for, such as example.com or *.example.com; mail from others never goes there'),
  identity: identity.optional(),
})

const template = z
  .strictObject({
    html: z
      .string()
      .min(1)
      .optional()
      .describe('File with the HTML body. Relative paths start at the working directory'),
    text: z.string().min(1).optional().describe('File with the plain text body'),
    subject: z.string().min(1).optional().describe('The subject, with values put in as in the bodies'),
    from: z.string().min(1).optional().describe('Who sends where a call does not say: Name <address>'),
    language: z
      .enum(templateLanguages)
      .optional()
      .describe("What it is written in, where that is not the vendor's own language"),
  })
  .refine(
    ({ html, text }) => html !== undefined || text !== undefined,
    'names neither html nor text: a template has one of them',
  )
  .describe('A template, as files')

/** A provider's name. `sticky` is a word of `split`, beside which providers' names stand. */
const providerName = name.refine((text) => text !== 'sticky', '"sticky" is a word of split; choose another name')

export const configSchema = z
  .strictObject({
    http: http.prefault({}).describe('The API and the dashboard'),
    smtp: smtp.prefault({}).describe('SMTP submission'),
    store: z
      .string()
      .regex(/^sqlite:.+$/, 'expected sqlite:<path>, such as sqlite:./data/waypost.db')
      .prefault('sqlite:./data/waypost.db')
      .describe('Where messages are kept. Relative paths start at the working directory'),
    keep: duration.prefault('30d').describe('Ended messages are deleted this long after acceptance'),
    keys: z
      .array(key)
      .prefault([])
      .describe('Who may use the gateway. None: anyone, and then it listens on loopback only'),
    signing: z
      .string()
      .min(32, 'must have 32 characters at least: every secret of clients that sign follows from it')
      .optional()
      .describe(
        'A secret of your own, from which those of clients that sign their requests are made ("waypost keys create --dialect amazon-ses" prints one)',
      ),
    retry: z
      .strictObject({ first: retry.first.prefault('30s'), max: retry.max.prefault('1h') })
      .prefault({})
      .describe('When a deferred message is tried again'),
    webhooks: z
      .strictObject({
        allowPrivate: z
          .boolean()
          .prefault(false)
          .describe('Whether events may go out to addresses of our own network, and by plain HTTP'),
      })
      .prefault({})
      .describe('Where events may go out to; the webhooks themselves are made with the API'),
    exports: z
      .record(z.string(), z.looseObject({}))
      .prefault({})
      .describe('Services that are told how deliveries go, by their names'),
    templates: z
      .record(z.string(), z.record(z.string(), template))
      .prefault({})
      .describe('What stands in for templates that a vendor keeps: by the dialect, and the id of the template there'),
    providers: z.record(providerName, provider).describe('Accounts with vendors, by a name of your choice'),
    budgets: z
      .record(name, budget)
      .prefault({})
      .describe('What mail may cost, by a name of your choice: mail that would pass one of its own is not sent there'),
    alerts: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/, error: 'expected an address that begins with https:// or http://' })
          .optional()
          .describe('Where alerts are posted, as JSON'),
        unknowns: z
          .int()
          .min(1)
          .prefault(10)
          .describe(
            'So many deliveries may be held with an unknown fate before it is told; again when they have doubled',
          ),
      })
      .prefault({})
      .describe('What operators are told loudly: breakers, refused credentials, mail that nobody can take'),
    types: z
      .record(name, type)
      .prefault({})
      .describe('Kinds of mail and what they are owed; otp, transactional and marketing exist'),
    tenants: z.record(name, tenant).prefault({}).describe('What is asked for the mail of a tenant'),
    demands: z
      .array(demand)
      .prefault([])
      .describe('Labels that mail asks of every provider for what it is; no rule can pass them, and no pin'),
    shaping: z
      .array(shapingRule)
      .prefault([])
      .describe('What is done about a provider at a mailbox provider when its replies say so'),
    routes: z.array(rule).min(1).describe('First match wins; the last must match everything'),
  })
  .describe('Waypost configuration')

export type ConfigShape = z.output<typeof configSchema>
export type TypeShape = z.output<typeof type>
export type KeyShape = z.output<typeof key>
export type TemplateShape = z.output<typeof template>
