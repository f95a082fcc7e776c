/**
 * MailerSend: https://developers.mailersend.com/api/v1/email.html. Its ids have 24 hex digits; ours have 32, so that they lead back to
 * the message. With personalization each of several recipients gets a mail of his own, all under one id, and sees only himself in To;
 * MailerSend shows them all. Templates are those of the config. `/v1/messages` is our own at the root, and its own under its name.
 * Unverified: that values are escaped in HTML (as Twig does by itself); what `rcpt_to` means; the answers of scheduled messages.
 */
import {
  type Asked,
  bearer,
  type Dialect,
  type Done,
  idOfUuid,
  type Known,
  type Reply,
  type Sending,
  type Trouble,
} from '../mail/dialect.ts'
import { groupOf, idInGroup } from '../mail/id.ts'
import { checkJinja } from './jinja.ts'
import { call, hexOf, microseconds, secret, statusOf } from './mailersend-events.ts'
import { readBulk, readOne, twigOf } from './mailersend-mail.ts'
import { checking } from './stored.ts'

const prefix = '/v1'

export default {
  name: 'mailersend',
  key: bearer,
  routes: [
    { method: 'POST', path: `${prefix}/email`, does: { kind: 'send', read: readOne, answer: answerOne } },
    { method: 'POST', path: `${prefix}/bulk-email`, does: { kind: 'send', read: readBulk, answer: answerBulk } },
    { method: 'GET', path: `${prefix}/bulk-email/{id}`, does: { kind: 'show', id: idOfBulk, answer: shownBulk } },
    { method: 'GET', path: `${prefix}/messages/{id}`, does: { kind: 'show', id: idIn, answer: shown } },
    { method: 'GET', path: `${prefix}/message-schedules/{id}`, does: { kind: 'show', id: idIn, answer: schedule } },
    {
      method: 'DELETE',
      path: `${prefix}/message-schedules/{id}`,
      does: { kind: 'cancel', grouped: true, id: idIn, answer: () => ({ status: 204 }) },
    },
  ],
  tells: { secret, call },
  wrongTemplate: checking((source) => checkJinja(source, twigOf({}))),
  refused,
} satisfies Dialect

type Taken = Extract<Done, { kind: 'taken' }>

const isTaken = (one: Done): one is Taken => one.kind === 'taken'

function answerOne(done: readonly Done[]): Reply {
  const bad = done.find((one) => one.kind === 'refused')
  if (bad) return refused(bad.trouble)
  const taken = done.filter(isTaken)
  const recipients = taken.flatMap(({ recipients }) => recipients)
  const gone = recipients.filter(({ status }) => status === 'suppressed')
  const id = { 'x-message-id': hexOf(groupOf(taken[0]!.id)) }
  if (gone.length === 0) return { status: 202, headers: id }
  const all = gone.length === recipients.length
  return {
    status: 202,
    // Without an id nothing was sent.
    ...(all ? {} : { headers: id }),
    body: {
      message: 'There are some warnings for your request.',
      warnings: [
        {
          type: all ? 'ALL_SUPPRESSED' : 'SOME_SUPPRESSED',
          warning: `${all ? 'All' : 'Some'} of the recipients have been suppressed.`,
          recipients: gone.map(({ email }) => ({ email, name: null, reasons: ['blocklisted'] })),
        },
      ],
    },
  }
}

/** The id holds what is asked for later: the first message, and how many emails, recipients and suppressed ones there were. */
function answerBulk(done: readonly Done[], _asked: Asked, { grouped }: Sending): Reply {
  const bad = done.find((one) => one.kind === 'refused')
  if (bad) return refused(bad.trouble)
  const recipients = done.filter(isTaken).flatMap(({ recipients }) => recipients)
  const gone = recipients.filter(({ status }) => status === 'suppressed')
  const emails = Array.isArray(grouped) ? grouped.at(-1) + 1 : 1
  const counts = [emails, recipients.length, gone.length].map((count) => count.toString(16).padStart(5, '0'))
  const first = done.find(isTaken)!
  return {
    status: 202,
    body: { message: 'The bulk email is being processed.', bulk_email_id: hexOf(first.id) + counts.join('') },
  }
}

function idIn({ params }: Asked): string | null {
  return idOfUuid(params.id ?? '')
}

const bulkId = /^([0-9a-f]{32})([0-9a-f]{5})([0-9a-f]{5})([0-9a-f]{5})$/

function idOfBulk({ params }: Asked): string | null {
  return idOfUuid(bulkId.exec(params.id ?? '')?.[1] ?? '')
}

/** It was all checked before it was answered: what is wrong never comes so far. */
function shownBulk({ message }: Known, { params }: Asked): Reply {
  const [emails = 1, recipients = 0, gone = 0] = bulkId
    .exec(params.id!)!
    .slice(2)
    .map((text) => Number.parseInt(text, 16))
  const at = microseconds(message.acceptedAt)
  return {
    status: 200,
    body: {
      data: {
        id: params.id,
        state: 'completed',
        total_recipients_count: recipients,
        suppressed_recipients_count: gone,
        suppressed_recipients: null,
        validation_errors_count: 0,
        validation_errors: null,
        messages_id: Array.from({ length: emails }, (_, number) => hexOf(emailOf(message.id, number))),
        created_at: at,
        updated_at: at,
      },
    },
  }
}

/** The first message of another email of the same call. */
function emailOf(id: string, number: number): string {
  return idInGroup(id, 0, number)
}

function shown({ message, recipients, events }: Known): Reply {
  const at = microseconds(message.acceptedAt)
  return {
    status: 200,
    body: {
      data: {
        id: hexOf(message.id),
        created_at: at,
        updated_at: microseconds(events.at(-1)?.at ?? message.acceptedAt),
        emails: recipients.map(({ email, status, index }) => ({
          id: `${hexOf(message.id)}${index.toString(16)}`,
          from: message.from.email,
          subject: message.subject,
          text: null,
          html: null,
          recipient: { email },
          tags: message.tags.length > 0 ? message.tags : null,
          status: statusOf[status],
          created_at: at,
          updated_at: at,
        })),
        domain: { name: message.from.email.split('@').at(-1) },
      },
    },
  }
}

function schedule({ message, recipients }: Known): Reply {
  const waits = recipients.some(({ status }) => status === 'scheduled')
  const failed = recipients.every(({ status }) => ['failed', 'canceled', 'expired', 'suppressed'].includes(status))
  return {
    status: 200,
    body: {
      data: {
        message_id: hexOf(message.id),
        subject: message.subject,
        send_at: microseconds(message.sendAt ?? message.acceptedAt),
        status: waits ? 'scheduled' : failed ? 'error' : 'sent',
        status_message: null,
        created_at: microseconds(message.acceptedAt),
      },
    },
  }
}

/** Sentences with their codes, where the vendor has one for what is wrong. */
const words: Record<string, string> = {
  unauthorized: 'Unauthenticated.',
  scope: 'This action is unauthorized. #MS40301',
  not_found: 'Resource not found.',
  malformed: 'The request could not be read. #MS40001',
  rate: 'Too Many Attempts. #MS42903',
}

function refused(trouble: Trouble): Reply {
  const { status, code, detail, errors, retryAfter } = trouble
  const retry = retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }
  if (code === 'from_not_allowed') {
    return invalid({
      'from.email': ['The from.email domain must be verified in your account to send emails. #MS42207'],
    })
  }
  if (errors.length === 0 && status !== 422) return { status, ...retry, body: { message: words[code] ?? detail } }
  const fields: Record<string, string[]> = {}
  for (const { field, detail } of errors) {
    fields[field] = [...(fields[field] ?? []), withCode(field, detail)]
  }
  return invalid(fields, detail)
}

function invalid(errors: Record<string, string[]>, detail = ''): Reply {
  const [first = detail, ...more] = Object.values(errors).flat()
  const message = more.length > 0 ? `${first} (and ${more.length} more error${more.length > 1 ? 's' : ''})` : first
  return { status: 422, body: { message, errors } }
}

function withCode(field: string, detail: string): string {
  if (/#MS\d+$/.test(detail)) return detail
  const code = field.endsWith('.email')
    ? 42208
    : field === 'text'
      ? 42211
      : /^attachments\.\d+\.content$/.test(field)
        ? 42215
        : null
  const text = `The ${field} is not valid: ${detail}`
  return code === null ? text : `${text} #MS${code}`
}
