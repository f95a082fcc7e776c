/**
 * Amazon SES: API v2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2/) and the two sending calls of v1, which are forms at `/`
 * and answered in XML. Its clients sign: the config needs `signing`. Templates are taken inline, with simple substitutions, which is
 * all SES does for those; stored ones are those of the config. Configuration sets, tenants and ARNs are told as ignored.
 */
import {
  type Asked,
  type Dialect,
  type Done,
  jsonBody,
  objects,
  type Reply,
  type Sending,
  type Trouble,
  Untranslatable,
} from '../mail/dialect.ts'
import { isSignedWith, signedAs, signedAt } from '../mail/request-signature.ts'
import { sesId, tells } from './amazon-ses-events.ts'
import { formSending, quota } from './amazon-ses-form.ts'
import { type Content, contentOf, type Destination, merged, message, refuse, type Template } from './amazon-ses-read.ts'
import { checking, languages } from './stored.ts'

const mostInBulk = 50
const skew = 5 * 60_000

export default {
  name: 'amazon-ses',
  key: () => null,
  signed: { name: ({ headers }) => signedAs(headers.authorization)?.accessKeyId ?? null, verify },
  routes: [
    { method: 'POST', path: '/v2/email/outbound-emails', does: { kind: 'send', read: readOne, answer: answerOne } },
    {
      method: 'POST',
      path: '/v2/email/outbound-bulk-emails',
      does: { kind: 'send', read: readBulk, answer: answerBulk },
    },
    { method: 'GET', path: '/v2/email/account', does: { kind: 'say', answer: account } },
    { method: 'POST', path: '/', does: { kind: 'send', read: formSending, answer: answerForm } },
  ],
  tells,
  wrongTemplate: checking(languages.handlebars.check),
  refused,
} satisfies Dialect

/** @throws Untranslatable for a signature that is wrong or was made at another time: its clients then look at their clock */
async function verify(asked: Asked, secret: string): Promise<boolean> {
  const { method, url, headers, body } = asked
  const signed = signedAs(headers.authorization)!
  const at = signedAt(headers)
  if (at === null || Math.abs(at - asked.at) > skew) {
    throw new Untranslatable({ status: 403, code: 'signature', detail: 'Signature expired or not yet current.' })
  }
  if (signed.service === 'ses' && (await isSignedWith(secret, { method, url, headers, body }, signed))) return true
  throw new Untranslatable({
    status: 403,
    code: 'signature',
    detail:
      'The request signature we calculated does not match the signature you provided. Check your secret access key.',
  })
}

/** What is taken and does nothing here, in every call. */
const idle = ['ConfigurationSetName', 'EndpointId', 'TenantName'].concat(
  ['FromEmailAddress', 'FeedbackForwardingEmailAddress'].map((name) => `${name}IdentityArn`),
  'FeedbackForwardingEmailAddress',
)

function ignoredOf(request: Record<string, unknown>, known: readonly string[]): string[] {
  if (request.ListManagementOptions !== undefined) {
    throw refuse('ListManagementOptions', 'Contact lists are not kept here: send List-Unsubscribe headers of your own.')
  }
  return Object.keys(request).filter((name) => !known.includes(name) || idle.includes(name))
}

/** All attempts of one call bear one id. */
function keyIn({ headers }: Asked): { key: string } | Record<string, never> {
  const key = headers['idempotency-key'] ?? headers['amz-sdk-invocation-id']
  return key === undefined ? {} : { key }
}

function readOne(asked: Asked): Sending {
  const request = jsonBody(asked)
  const { FromEmailAddress, Destination, ReplyToAddresses, EmailTags, Content } = request
  const known = ['FromEmailAddress', 'Destination', 'ReplyToAddresses', 'EmailTags', 'Content']
  const ignored = ignoredOf(request, known)
  const content = contentOf(Content as Content, ignored, asked)
  const one = message(content, {
    from: FromEmailAddress,
    destination: Destination as Destination,
    replyTo: ReplyToAddresses,
    tags: [EmailTags],
  })
  return { messages: [{ ...keyIn(asked), ...one }], ignored }
}

interface Entry {
  Destination?: Destination | null
  ReplacementTags?: unknown
  ReplacementHeaders?: unknown
  ReplacementEmailContent?: { ReplacementTemplate?: { ReplacementTemplateData?: string } }
}

function readBulk(asked: Asked): Sending {
  const request = jsonBody(asked)
  const { FromEmailAddress, ReplyToAddresses, DefaultEmailTags, DefaultContent, BulkEmailEntries } = request
  const known = ['FromEmailAddress', 'ReplyToAddresses', 'DefaultEmailTags', 'DefaultContent', 'BulkEmailEntries']
  const ignored = ignoredOf(request, known)
  const few = () => refuse('BulkEmailEntries', `There are 1 to ${mostInBulk} entries.`)
  const entries: Entry[] = objects(BulkEmailEntries, few)
  if (entries.length === 0 || entries.length > mostInBulk) throw few()
  const template = (DefaultContent as { Template?: Template } | undefined)?.Template
  if (!template) throw refuse('DefaultContent.Template', 'It is required.')
  const call = keyIn(asked).key
  const messages = entries.map((entry, index) => {
    try {
      const one = message(merged(template, entry, ignored, asked), {
        from: FromEmailAddress,
        destination: entry.Destination,
        replyTo: ReplyToAddresses,
        tags: [DefaultEmailTags, entry.ReplacementTags],
      })
      return { ...(call === undefined ? {} : { key: `${call}#${index}` }), ...one }
    } catch (error) {
      if (error instanceof Untranslatable && error.trouble.code !== 'not_found') return { refused: error.trouble }
      throw error
    }
  })
  return { messages, ignored }
}

function answerOne([done]: readonly Done[], asked: Asked): Reply {
  if (done!.kind === 'refused') return refused(done!.trouble, asked)
  return json(200, asked, { MessageId: sesId(done!.id) })
}

const bulkStatuses: Record<string, string> = {
  MessageRejected: 'MESSAGE_REJECTED',
  TooManyRequestsException: 'ACCOUNT_THROTTLED',
  BadRequestException: 'INVALID_PARAMETER',
  ServiceUnavailable: 'TRANSIENT_FAILURE',
}

function answerBulk(done: readonly Done[], asked: Asked): Reply {
  const BulkEmailEntryResults = done.map((one) =>
    one.kind === 'taken'
      ? { Status: 'SUCCESS', MessageId: sesId(one.id) }
      : { Status: bulkStatuses[named(one.trouble, asked).name] ?? 'FAILED', Error: text(one.trouble) },
  )
  return json(200, asked, { BulkEmailEntryResults })
}

/** It is open and sends as fast as its providers do. */
function account(asked: Asked): Reply {
  return json(200, asked, {
    DedicatedIpAutoWarmupEnabled: false,
    EnforcementStatus: 'HEALTHY',
    ProductionAccessEnabled: true,
    SendingEnabled: true,
    SendQuota: quota,
    SuppressionAttributes: { SuppressedReasons: ['BOUNCE', 'COMPLAINT'] },
  })
}

function answerForm(done: readonly Done[], asked: Asked): Reply {
  const action = new URLSearchParams(new TextDecoder().decode(asked.body)).get('Action')!
  const [one] = done
  if (one?.kind === 'refused') return refused(one.trouble, asked)
  const result = one
    ? `<MessageId>${sesId(one.id)}</MessageId>`
    : Object.entries(quota)
        .map(([name, value]) => `<${name}>${value.toFixed(1)}</${name}>`)
        .join('')
  return xml(200, asked, `${action}Response`, `<${action}Result>${result}</${action}Result>${metadata(asked)}`)
}

function metadata(asked: Asked): string {
  return `<ResponseMetadata><RequestId>${requestId(asked)}</RequestId></ResponseMetadata>`
}

/** By our codes: the names in v2 and v1, and the status. */
const names: Record<string, [v2: string, v1: string, status: number]> = {
  unauthorized: ['UnrecognizedClientException', 'InvalidClientTokenId', 403],
  signature: ['InvalidSignatureException', 'SignatureDoesNotMatch', 403],
  scope: ['AccessDeniedException', 'AccessDenied', 403],
  from_not_allowed: ['MessageRejected', 'MessageRejected', 400],
  not_found: ['NotFoundException', 'TemplateDoesNotExist', 404],
  action: ['BadRequestException', 'InvalidAction', 400],
  method: ['UnknownOperationException', 'InvalidAction', 405],
  too_large: ['BadRequestException', 'InvalidParameterValue', 413],
  media_type: ['BadRequestException', 'InvalidParameterValue', 415],
  in_flight: ['TooManyRequestsException', 'Throttling', 429],
  rate: ['TooManyRequestsException', 'Throttling', 429],
  internal: ['InternalServiceErrorException', 'InternalFailure', 500],
}
const wrong: [string, string, number] = ['BadRequestException', 'InvalidParameterValue', 400]
const unavailable: [string, string, number] = ['ServiceUnavailable', 'ServiceUnavailable', 503]

function named({ code, status }: Trouble, asked: Asked): { name: string; status: number } {
  const [v2, v1, known] = names[code] ?? (status < 500 ? wrong : unavailable)
  // In v1 that they are too many is an error of the client like any other.
  if (asked.path === '/') return { name: v1, status: v1 === 'Throttling' || known === 404 ? 400 : known }
  if (code === 'unauthorized' && asked.headers.authorization === undefined) {
    return { name: 'MissingAuthenticationTokenException', status: 403 }
  }
  return { name: v2, status: known }
}

function text({ detail, errors: [first], code }: Trouble): string {
  if (code === 'unauthorized') return 'The security token included in the request is invalid.'
  if (code === 'from_not_allowed') return `Email address is not verified. ${detail}`
  return first === undefined ? detail : `${first.field}: ${first.detail}`
}

function refused(trouble: Trouble, asked: Asked): Reply {
  const { name, status } = named(trouble, asked)
  const retry: Record<string, string> =
    trouble.retryAfter === undefined ? {} : { 'retry-after': String(trouble.retryAfter) }
  if (asked.path !== '/') {
    const reply = json(status, asked, { message: text(trouble) })
    return { ...reply, headers: { ...reply.headers, ...retry, 'x-amzn-errortype': name } }
  }
  const error = `<Type>${status < 500 ? 'Sender' : 'Receiver'}</Type><Code>${name}</Code><Message>${escaped(text(trouble))}</Message>`
  return xml(status, asked, 'ErrorResponse', `<Error>${error}</Error><RequestId>${requestId(asked)}</RequestId>`)
}

/** The client's own name for the call, or the time at which it came. */
function requestId({ headers, at }: Asked): string {
  const own = headers['amz-sdk-invocation-id'] ?? ''
  return /^[0-9a-f-]{36}$/i.test(own) ? own : `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`
}

function json(status: number, asked: Asked, body: unknown): Reply {
  return { status, headers: { 'x-amzn-requestid': requestId(asked) }, body }
}

function xml(status: number, asked: Asked, root: string, inner: string): Reply {
  const body = `<?xml version="1.0"?>\n<${root} xmlns="http://ses.amazonaws.com/doc/2010-12-01/">${inner}</${root}>\n`
  return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId(asked) }, body }
}

function escaped(plain: string): string {
  return plain.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`)
}
