/** The one door: whatever came in by HTTP or SMTP is checked, spooled and committed here, the same way for both. */
import { domainOf } from '../mail/address.ts'
import { headerValue, isRawOnly, mailboxesIn } from '../mail/headers.ts'
import { newId } from '../mail/id.ts'
import { keepParts } from '../mail/kept-parts.ts'
import {
  type Header,
  type Mailbox,
  type Message,
  messageStatus,
  type Parts,
  type Priority,
  type RecipientStatus,
} from '../mail/message.ts'
import type { Accepted, Arrival, Claim, NewEvent, Store } from '../store/store.ts'
import { maySendFrom, type Sender } from './auth.ts'
import { Refusal } from './refusals.ts'

/** What a listener hands in once it has understood what was asked. Addresses are canonical. */
export interface Submission {
  sender: Sender
  /** The message's own, where it is one of a group; a new one otherwise. */
  id?: string
  via: 'http' | 'smtp'
  /** `''` is the null reverse-path. */
  returnPath: string
  recipients: { email: string; dsn?: { notify?: string[]; orcpt?: string } }[]
  /** Undefined: `transactional`. */
  type?: string
  tags: string[]
  metadata: Record<string, string>
  sendAt?: number
  expireAt?: number
  /** Pins one provider; needs scope `route`. */
  provider?: string
  idempotencyKey?: string
  /** What the idempotency key stands for; the door adds nothing to it. SHA-256 hex of the request as the client sent it. */
  digest?: string
  smtpUtf8: boolean
  dsn: { ret?: 'FULL' | 'HDRS'; envid?: string }
  content: RawContent | { form: 'parts'; parts: Parts }
}

/** Raw mail as it was streamed in: cleaned of Bcc and `X-Waypost-` fields, our trace headers on top. */
export interface RawContent {
  form: 'raw'
  headers: Header[]
  from: Mailbox
  subject: string
  messageId: string
  size: number
  attachments: number
  inline: number
  eightBit: boolean
  /** Small mail comes whole; larger was kept in pieces under this spool name. */
  bytes: Uint8Array | { spool: string }
}

export interface Receipt {
  id: string
  /** The idempotency key was used before with the same digest: this is the first answer again. */
  replayed: boolean
  status: string
  recipients: { email: string; status: string }[]
}

export interface Door {
  /**
   * Takes one message: checks sender, type, pin and times, and commits; the store drops suppressed recipients. When it resolves the
   * message is durable.
   * @throws Refusal, and what the store throws (`refusalOf` makes refusals of that)
   */
  submit(submission: Submission): Promise<Receipt>
  /** Keeps a piece of raw content ahead of its submission, so that nobody gathers a large message in memory. @throws as `submit` */
  keep(spool: string, piece: Uint8Array): Promise<void>
  /** Forgets a spool whose submission did not come. Never throws. */
  drop(spool: string): Promise<void>
  /** Throws the refusal that a submission would meet right now whatever it holds (no room, stopping), so that listeners can say it early. */
  ready(): void
}

/** What the door needs to know of the config. */
export interface DoorRules {
  types: Record<string, { priority: Priority; expire: number }>
  providers: readonly { name: string }[]
}

/** A place in the pump, held for mail that is being accepted. It is used or given back. */
interface Slot {
  leaseUntil: number
  start(claim: Claim): void
  free(): void
}

/** Where accepted mail goes on: straight into a free place while nothing waits before it, else it is claimed in its turn. */
interface Onward {
  slot(priority: Priority): Slot | null
  /** Mail waits. */
  wake(): void
}

export interface DoorParts {
  rules: () => DoorRules
  store: Pick<Store, 'accept' | 'keep' | 'drop' | 'message'>
  clock: () => number
  /** Why nothing can be taken in right now; null when it can. */
  closed: () => Refusal | null
  /** Told once a message is durable. */
  accepted: (message: Message, events: readonly NewEvent[]) => void
  onward: Onward
}

/** The type of a message that names none. */
const defaultType = 'transactional'

/** Opens the door onto a store. */
export function openDoor({ rules, store, clock, closed, accepted, onward }: DoorParts): Door {
  /** Idempotency keys whose first message is under way right now. */
  const inFlight = new Set<string>()

  const ready = () => {
    const refusal = closed()
    if (refusal) throw refusal
  }

  async function take(submission: Submission): Promise<Receipt> {
    const now = clock()
    const bytes = bytesOf(submission.content)
    const message = messageOf(submission, rules(), now, bytes)
    const waits: RecipientStatus = message.sendAt === null ? 'queued' : 'scheduled'
    const recipients = submission.recipients.map(({ email, dsn = {} }, index) => ({ index, email, status: waits, dsn }))
    const arrival: Arrival = {
      message,
      recipients,
      dueAt: message.sendAt ?? now,
      events: [acceptedEvent(message, recipients.length)],
      content: bytes,
      idempotency:
        submission.idempotencyKey === undefined
          ? null
          : { key: submission.idempotencyKey, digest: submission.digest ?? '' },
    }
    const slot = message.sendAt === null ? onward.slot(message.priority) : null
    const answer = await commit(arrival, slot)
    if (answer.kind === 'conflict') {
      throw new Refusal(
        'idempotency_reused',
        'This Idempotency-Key was used before, with another message. Use a new key for a new message.',
      )
    }
    if (answer.kind === 'replayed') return replay(answer.id, submission)
    accepted(message, [...arrival.events, ...answer.suppressed])
    if (answer.claim) slot!.start(answer.claim)
    else onward.wake()
    const gone = new Set(answer.suppressed.map(({ recipient }) => recipient))
    const stored = recipients.map((one) => (gone.has(one.email) ? { ...one, status: 'suppressed' as const } : one))
    return receipt(answer.id, stored, false)
  }

  /** The slot is given back where there is nothing to start. */
  async function commit(arrival: Arrival, slot: Slot | null): Promise<Accepted> {
    let answer: Accepted | undefined
    try {
      answer = await store.accept(arrival, slot?.leaseUntil)
      return answer
    } finally {
      if (answer?.kind !== 'accepted' || answer.claim === null) slot?.free()
    }
  }

  /** The first answer again, as far as it can be told: who was suppressed then may have been told apart since. */
  async function replay(id: string, submission: Submission): Promise<Receipt> {
    const first = await store.message(id, submission.sender.tenant)
    const waits: RecipientStatus = first?.message.sendAt == null ? 'queued' : 'scheduled'
    // Where messages are kept for less than a day, the key outlives its message.
    const recipients = first?.recipients ?? submission.recipients.map(({ email }) => ({ email, status: waits }))
    return receipt(
      id,
      recipients.map(({ email, status }) => ({ email, status: status === 'suppressed' ? status : waits })),
      true,
    )
  }

  return {
    ready,
    async submit(submission) {
      ready()
      const { idempotencyKey: key, sender } = submission
      if (key === undefined) return take(submission)
      const claim = `${sender.tenant}\n${key}`
      if (inFlight.has(claim)) {
        throw new Refusal('in_flight', 'The first request with this Idempotency-Key has not been answered yet.')
      }
      inFlight.add(claim)
      try {
        return await take(submission)
      } finally {
        inFlight.delete(claim)
      }
    },
    async keep(spool, piece) {
      ready()
      await store.keep(spool, piece)
    },
    async drop(spool) {
      // What cannot be dropped now is an orphan, and those are swept when the store is opened.
      await store.drop(spool).catch(() => {})
    },
  }
}

function acceptedEvent({ acceptedAt, via }: Message, recipients: number): NewEvent {
  const detail = `by ${via} for ${recipients}`
  return { type: 'accepted', at: acceptedAt, recipient: null, provider: null, providerMessageId: null, detail }
}
/**
 * The message that a submission becomes.
 * @param bytes of its content, as they are kept
 * @throws Refusal for what this sender may not do, and for types, providers and times that cannot be
 */
export function messageOf(
  submission: Submission,
  rules: DoorRules,
  now: number,
  bytes = bytesOf(submission.content),
): Message {
  const { sender, content } = submission
  const from = content.form === 'raw' ? content.from : content.parts.from
  const type = submission.type ?? defaultType
  const contract = Object.hasOwn(rules.types, type) ? rules.types[type] : undefined
  if (!contract)
    throw wrong(
      '/type',
      `There is no type ${JSON.stringify(type)} in the config; there are ${Object.keys(rules.types).join(', ')}.`,
    )
  if (!sender.scopes.includes('send')) throw new Refusal('scope', 'This key may not send. Use one with scope "send".')
  for (const email of [from.email, submission.returnPath]) {
    if (!maySendFrom(sender, email)) {
      throw new Refusal('from_not_allowed', `This key may send from ${sender.from.join(', ')} only, not from ${email}.`)
    }
  }
  if (submission.provider !== undefined) {
    if (!sender.scopes.includes('route'))
      throw new Refusal('scope', 'This key may not choose a provider. Use one with scope "route".')
    if (!rules.providers.some(({ name }) => name === submission.provider)) {
      throw wrong('/provider', `There is no provider ${JSON.stringify(submission.provider)} in the config.`)
    }
  }
  const id = submission.id ?? newId('msg', now)
  const sendAt = submission.sendAt !== undefined && submission.sendAt > now ? submission.sendAt : null
  const expireAt = submission.expireAt ?? (sendAt ?? now) + contract.expire
  if (expireAt <= (sendAt ?? now)) throw wrong('/expireAt', 'The message would expire before it is sent.')
  return {
    id,
    tenant: sender.tenant,
    type,
    priority: contract.priority,
    via: submission.via,
    returnPath: submission.returnPath,
    from,
    acceptedAt: now,
    sendAt,
    expireAt,
    smtpUtf8: submission.smtpUtf8,
    tags: submission.tags,
    metadata: submission.metadata,
    provider: submission.provider ?? null,
    dsn: submission.dsn,
    ...(content.form === 'raw' ? rawFacts(content) : partsFacts(content.parts, id, bytes as Uint8Array)),
    ...addressed(submission),
  }
}

type Facts = Pick<
  Message,
  'form' | 'subject' | 'messageId' | 'size' | 'headers' | 'attachments' | 'inline' | 'rawOnly' | 'eightBit'
>

function rawFacts({ subject, messageId, size, headers, attachments, inline, eightBit }: RawContent): Facts {
  return { form: 'raw', subject, messageId, size, headers, attachments, inline, eightBit, rawOnly: isRawOnly(headers) }
}

/** @param bytes parts as they are kept, which is always whole */
function partsFacts(parts: Parts, id: string, bytes: Uint8Array): Facts {
  const inline = parts.attachments.filter((attachment) => attachment.inline).length
  return {
    form: 'parts',
    subject: parts.subject,
    messageId: headerValue(parts.headers, 'message-id') ?? `<${id}@${domainOf(parts.from.email)}>`,
    size: bytes.length,
    headers: customHeaders(parts),
    attachments: parts.attachments.length - inline,
    inline,
    rawOnly: false,
    // What we compose is 7-bit clean.
    eightBit: false,
  }
}

/** Those that are kept with the parts: the Message-ID is the message's, and would leave as a second one. */
function customHeaders({ headers }: Parts): Header[] {
  return headers.filter(([name]) => name.toLowerCase() !== 'message-id')
}

const listed = new Map<string, 'to' | 'cc' | 'replyTo'>([
  ['to', 'to'],
  ['cc', 'cc'],
  ['reply-to', 'replyTo'],
])

function mailboxesOf(content: Submission['content']): Pick<Parts, 'to' | 'cc' | 'replyTo'> {
  if (content.form === 'parts') return content.parts
  const found: Record<'to' | 'cc' | 'replyTo', Mailbox[]> = { to: [], cc: [], replyTo: [] }
  for (const [name, value] of content.headers) {
    const list = listed.get(name.toLowerCase())
    if (list !== undefined) for (const mailbox of mailboxesIn(value)) found[list].push(mailbox)
  }
  return found
}

/** How many stand in Cc and in Reply-To, and the indices of the recipients that neither To nor Cc names. */
function addressed({ content, recipients }: Submission): Pick<Message, 'cc' | 'replyTo' | 'hidden'> {
  const { to, cc, replyTo } = mailboxesOf(content)
  const seen = new Set<string>()
  for (const { email } of to) seen.add(email)
  for (const { email } of cc) seen.add(email)
  const hidden = recipients.flatMap(({ email }, index) => (seen.has(email) ? [] : [index]))
  return {
    ...(cc.length > 0 ? { cc: cc.length } : {}),
    ...(replyTo.length > 0 ? { replyTo: replyTo.length } : {}),
    hidden,
  }
}

/** What is kept: raw mail as it is, or the place where it lies; parts in the form of `kept-parts.ts`. */
function bytesOf(content: Submission['content']): RawContent['bytes'] {
  if (content.form === 'raw') return content.bytes
  return keepParts({ ...content.parts, headers: customHeaders(content.parts) })
}

function receipt(
  id: string,
  recipients: readonly { email: string; status: RecipientStatus }[],
  replayed: boolean,
): Receipt {
  const statuses = recipients.map(({ status }) => status)
  return {
    id,
    replayed,
    status: messageStatus(statuses),
    recipients: recipients.map(({ email, status }) => ({ email, status })),
  }
}

function wrong(pointer: string, detail: string): Refusal {
  return new Refusal('invalid', detail, { errors: [{ pointer, detail }] })
}
