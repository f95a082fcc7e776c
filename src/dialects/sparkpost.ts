/**
 * SparkPost: https://developers.sparkpost.com/api/transmissions. Its template language is always on; who shows whom is said by
 * `header_to` and a CC header; bad recipients do not keep the mail from the others. All messages of a transmission have its id.
 */
import {
  type Asked,
  basic,
  type Dialect,
  type Done,
  type Known,
  type Reply,
  type Sending,
  type Trouble,
  type Wanted,
} from '../mail/dialect.ts'
import { eventsFound, eventsWanted, firstOf, tells, transmissionId } from './sparkpost-events.ts'
import { template } from './sparkpost-template.ts'
import { readTransmission } from './sparkpost-transmission.ts'
import { checking } from './stored.ts'

export default {
  name: 'sparkpost',
  key,
  routes: [
    {
      method: 'POST',
      path: '/api/v1/transmissions',
      does: { kind: 'send', read: readTransmission, answer: created },
    },
    { method: 'GET', path: '/api/v1/transmissions/{id}', does: { kind: 'show', id: idIn, answer: shown } },
    {
      method: 'DELETE',
      path: '/api/v1/transmissions/{id}',
      does: { kind: 'cancel', grouped: true, id: idIn, answer: () => ({ status: 204 }) },
    },
    ...['/api/v1/events/message', '/api/v1/message-events'].map((path) => ({
      method: 'GET' as const,
      path,
      does: { kind: 'events' as const, read: eventsWanted, answer: eventsFound },
    })),
  ],
  tells,
  wrongTemplate: checking((source, part) => void template(source, part === 'subject' ? 'header' : part)),
  refused,
} satisfies Dialect

/** Bare, or as the user of Basic credentials. */
function key(asked: Asked): string | null {
  const bare = /^\s*(\S+)\s*$/.exec(asked.headers.authorization ?? '')?.[1]
  return bare ?? (basic(asked)?.user || null)
}

function idIn({ params }: Asked): string | null {
  return firstOf(params.id ?? '')
}

/** Of its first message: what there is of a transmission's own. */
function shown({ message, recipients }: Known, { params }: Asked): Reply {
  const waits = recipients.some(({ status }) => status === 'scheduled')
  const canceled = recipients.every(({ status }) => status === 'canceled')
  const { campaign_id: campaign = '', ...metadata } = message.metadata
  const transmission = {
    id: params.id,
    state: waits ? 'submitted' : canceled ? 'Canceled' : 'Success',
    campaign_id: campaign,
    description: '',
    content: { template_id: 'inline' },
    metadata,
    options: message.sendAt === null ? {} : { start_time: new Date(message.sendAt).toISOString() },
  }
  return { status: 200, body: { results: { transmission } } }
}

/** How many recipients a message has. */
function count(wanted: Wanted): number {
  return 'refused' in wanted ? 1 : (wanted.to?.length ?? 1)
}

function created(done: readonly Done[], asked: Asked, { messages, dry }: Sending): Reply {
  const first = done.find((one) => one.kind === 'taken')
  const troubles = done.flatMap((one, index) =>
    one.kind === 'refused' ? [{ trouble: one.trouble, people: count(messages[index]!) }] : [],
  )
  if (first === undefined) {
    const other = troubles.find(({ trouble }) => !isAddress(trouble))
    if (other) return refused(other.trouble)
    return failed(
      400,
      troubles.slice(0, 1).flatMap(({ trouble }) => errors(trouble, '5002', 'no valid recipients')),
    )
  }
  const rejected = troubles.reduce((sum, { people }) => sum + people, 0)
  const all = messages.reduce((sum, wanted) => sum + count(wanted), 0)
  const most = Number(/^\d{1,6}$/.exec(asked.query.get('num_rcpt_errors') ?? '')?.[0] ?? Number.POSITIVE_INFINITY)
  const rejections = troubles.flatMap(({ trouble }) => errors(trouble)).slice(0, most)
  return {
    status: 200,
    body: {
      ...(rejected === 0
        ? {}
        : { errors: [{ message: 'transmission created, but with validation errors', code: '2000' }] }),
      results: {
        ...(rejected === 0 ? {} : { rcpt_to_errors: rejections }),
        total_rejected_recipients: rejected,
        total_accepted_recipients: all - rejected,
        // Nothing was made that could have one.
        id: dry ? `${asked.at}0000` : transmissionId(first.id),
      },
    },
  }
}

function isAddress({ errors }: Trouble): boolean {
  return errors.some(({ field }) => field.startsWith('recipients['))
}

interface Problem {
  message: string
  description?: string
  code?: string
}

function errors({ code, detail, errors }: Trouble, ownCode?: string, ownMessage?: string): Problem[] {
  const known = /^\d{4}$/.test(code)
  const message = ownMessage ?? (known ? detail : 'invalid data format/type')
  const number = ownCode ?? (known ? code : '1300')
  if (errors.length === 0) return [{ message, description: detail, code: number }]
  return errors.map((error) => ({
    message,
    description: known ? error.detail : `${error.field}: ${error.detail}`,
    code: number,
  }))
}

function failed(status: number, errors: Problem[], retryAfter?: number): Reply {
  return {
    status,
    ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
    body: { errors },
  }
}

function refused(trouble: Trouble, asked?: Asked): Reply {
  const { code, status, detail, retryAfter } = trouble
  switch (code) {
    case 'too_late': {
      const message = 'transmission database record is in an invalid state for deletion'
      return failed(409, [{ message, description: detail, code: '2006' }])
    }
    case 'unauthorized':
      return failed(401, [{ message: 'Unauthorized.' }])
    case 'scope':
      return failed(403, [{ message: 'Forbidden.' }])
    case 'from_not_allowed':
      return failed(400, [
        {
          message: 'Invalid domain',
          description: `Unconfigured or unverified sending domain. ${detail}`,
          code: '7001',
        },
      ])
    case 'not_found':
      if (asked?.params.id === undefined)
        return failed(404, [{ message: 'invalid URI', description: detail, code: '1101' }])
      return failed(404, [{ message: 'resource not found', description: detail, code: '1600' }])
    case 'method':
      return failed(405, [{ message: 'invalid HTTP method', description: detail, code: '1102' }])
    case 'malformed':
      return failed(400, [{ message: 'invalid data format/type', description: detail, code: '1300' }])
    case 'rate':
      return failed(429, [{ message: 'Too many requests', description: detail }], retryAfter)
  }
  if (status === 422) return failed(422, errors(trouble))
  return failed(status, [{ message: detail }], retryAfter)
}
