/** Resend's `POST /emails`, by its sheet: refuses what Resend refuses, and honours the idempotency key. */
import { createHash, randomUUID } from 'node:crypto'
import { mailboxes } from './mailboxes.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply, type Taken } from './vendor.ts'

export const resendKey = 're_fake-key'

/** @param seen told, before it answers, of what it took, and of being asked again for what it has, by the key */
export function fakeResend(
  seen: { took?: (taken: Taken) => void; again?: (asked: Asked) => void } = {},
): Promise<FakeVendor> {
  const kept = new Map<string, { digest: string; id: string }>()
  const took = (taken: Taken) => {
    const key = taken.asked.headers['idempotency-key']
    if (key !== undefined) kept.set(key, { digest: digestOf(taken.asked), id: taken.id })
    seen.took?.(taken)
  }
  return fakeVendor((asked) => {
    if (asked.path !== '/emails') return refuse(404, 'not_found', 'The requested endpoint does not exist')
    if (asked.method !== 'POST')
      return refuse(405, 'method_not_allowed', 'Method is not allowed for the requested path')
    if (!asked.headers['user-agent']) return refuse(403, 'invalid_access', 'A User-Agent is required')
    if (!asked.headers.authorization)
      return refuse(401, 'missing_api_key', 'Missing API key in the authorization header')
    if (asked.headers.authorization !== `Bearer ${resendKey}`)
      return refuse(403, 'invalid_api_key', 'API key is invalid')
    const key = asked.headers['idempotency-key']
    if (key === undefined) return take(asked)
    if (key.length < 1 || key.length > 256)
      return refuse(400, 'invalid_idempotency_key', 'The key must be 1-256 characters')
    const first = kept.get(key)
    if (!first) return take(asked)
    if (first.digest !== digestOf(asked)) {
      return refuse(409, 'invalid_idempotent_request', 'Same idempotency key used with a different request payload')
    }
    seen.again?.(asked)
    return json(200, { id: first.id })
  }, took)
}

const known = new Set('from to cc bcc reply_to subject html text headers attachments tags'.split(' '))

function take(asked: Asked): Reply {
  if (!asked.headers['content-type']?.startsWith('application/json')) return refuse(422, 'validation_error', 'Not JSON')
  const mail = JSON.parse(asked.body.toString())
  for (const key of Object.keys(mail))
    if (!known.has(key)) return refuse(422, 'invalid_parameter', `Unknown field ${key}`)
  for (const field of ['from', 'to', 'subject']) {
    if (!mail[field] || mail[field].length === 0)
      return refuse(422, 'missing_required_field', `Missing \`${field}\` field.`)
  }
  if (!mail.html && !mail.text) return refuse(422, 'missing_required_field', 'Missing `html` or `text` field.')
  if (mailboxes(mail.from).length !== 1) return refuse(422, 'invalid_from_address', 'Invalid `from` field.')
  if (mailboxes(mail.from)[0]!.endsWith('@unverified.test')) {
    return refuse(
      403,
      'validation_error',
      'The unverified.test domain is not verified. Please, add and verify your domain',
    )
  }
  const recipients: string[] = []
  for (const field of ['to', 'cc', 'bcc']) {
    for (const text of [mail[field] ?? []].flat()) {
      const found = mailboxes(text)
      if (found.length !== 1 || found[0]!.startsWith('bad@')) {
        return refuse(
          422,
          'validation_error',
          `Invalid \`${field}\` field. The email address needs to follow the \`email@example.com\` or \`Name <email@example.com>\` format.`,
        )
      }
      recipients.push(found[0]!)
    }
  }
  if ([mail.to].flat().length > 50) return refuse(422, 'validation_error', 'Too many recipients')
  for (const tag of mail.tags ?? []) {
    if (!/^[A-Za-z0-9_-]{1,256}$/.test(tag.name) || !/^[A-Za-z0-9_-]{1,256}$/.test(tag.value)) {
      return refuse(422, 'validation_error', 'Tags should only contain ASCII letters, numbers, underscores, or dashes.')
    }
  }
  for (const file of mail.attachments ?? []) {
    if (!file.content && !file.path)
      return refuse(422, 'invalid_attachment', 'Attachment must have either `content` or `path`.')
  }
  for (const value of Object.values(mail.headers ?? {})) {
    if (typeof value !== 'string') return refuse(422, 'validation_error', 'Invalid `headers` field.')
  }
  const id = randomUUID()
  return {
    ...json(200, { id }),
    takes: { id, recipients, hidden: mailboxes(mail.bcc), subject: mail.subject, fields: mail },
  }
}

function digestOf({ body }: Asked): string {
  return createHash('sha256').update(body).digest('hex')
}

function refuse(statusCode: number, name: string, message: string): Reply {
  return json(statusCode, { statusCode, name, message })
}
