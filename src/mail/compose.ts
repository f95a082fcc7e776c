/** From parts to RFC 5322: deterministic, so that every attempt at every provider carries the same bytes. */
import MailComposer from 'nodemailer/lib/mail-composer'
import { encodeWord } from 'nodemailer/lib/mime-funcs'
import { formatMailbox } from './address.ts'
import { headerProblem } from './headers.ts'
import type { Attachment, Mailbox, Message, Parts } from './message.ts'

/**
 * The message as raw RFC 5322 bytes, CRLF line ends, no line above 998 octets, 7-bit clean (but for addresses that need
 * SMTPUTF8), with `message.messageId` and `message.acceptedAt` as Message-ID and Date. No Bcc. The same input always gives the
 * same bytes (boundaries come from the id). Custom headers that `headerProblem` would refuse are left out.
 */
export async function compose(
  message: Pick<Message, 'id' | 'messageId' | 'acceptedAt'>,
  parts: Parts,
): Promise<Uint8Array> {
  const headers = parts.headers.filter(
    ([name, value]) => name.toLowerCase() !== 'message-id' && headerProblem(name, value) === null,
  )
  // The composer writes header names its own way; these are as they came.
  const names = new Map(headers.map(([name]) => [name.toLowerCase(), name]))
  const mail = new MailComposer({
    from: address(parts.from),
    to: parts.to.map(address),
    cc: parts.cc.map(address),
    replyTo: parts.replyTo.map(address),
    headers: [...headers.map(([key, value]) => ({ key, value })), ...subject(parts.subject)],
    messageId: message.messageId,
    date: new Date(message.acceptedAt),
    text: parts.text === undefined ? undefined : lines(parts.text),
    html: parts.html === undefined ? undefined : lines(parts.html),
    attachments: parts.attachments.map(attachment),
    baseBoundary: message.id,
    boundaryPrefix: '=_waypost',
    newline: '\r\n',
    normalizeHeaderKey: (key: string) => names.get(key.toLowerCase()) ?? key,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return mail.compile().build()
}

/** A mailbox in ASCII, for vendors that copy it into a header as it is: a name beyond ASCII as encoded words (RFC 2047). */
export function asciiMailbox(mailbox: Mailbox): string {
  const { email, name = '' } = mailbox
  return /^[ -~]*$/.test(name) ? formatMailbox(mailbox) : `${encodeWord(name, 'B', 52)} <${email}>`
}

function address({ email, name }: Mailbox): { address: string; name: string } {
  return { address: email, name: name ?? '' }
}

/** The subject is always text: what looks like an encoded word is encoded again, and so is what no line could hold. */
function subject(
  text: string,
): { key: string; value: string | { prepared: boolean; foldLines: boolean; value: string } }[] {
  if (text === '') return []
  if (!/=\?|\S{900}|^\s|\s$|\s{2}/.test(text)) return [{ key: 'Subject', value: text }]
  return [{ key: 'Subject', value: { prepared: true, foldLines: true, value: encodeWord(text, 'B', 52) } }]
}

/** One kind of line end, so that no lone CR or LF gets out. */
function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n')
}

function attachment({ filename, contentType, contentId, inline, content }: Attachment) {
  const bytes = Buffer.from(content, 'base64')
  const type = mediaType.test(contentType) ? contentType : 'application/octet-stream'
  const id = contentId?.replace(/[^!-;=?-~]/g, '') ?? ''
  const embedded = inline && id !== ''
  return {
    filename: filename.slice(-longestFilename).replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' '),
    contentType: type,
    // RFC 2046 section 5.2.1 allows message/* no encoding; what cannot travel bare is encoded all the same, as others do.
    contentTransferEncoding: /^message\//i.test(type) && travelsBare(bytes) ? '7bit' : 'base64',
    // Readers take inline text for the body.
    contentDisposition: embedded && !/^text\/(?:plain|html)\b/i.test(type) ? 'inline' : 'attachment',
    content: bytes,
    ...(embedded ? { cid: id } : {}),
    ...(id !== '' && !embedded ? { headers: [{ key: 'Content-ID', value: `<${id}>` }] } : {}),
  }
}

/** RFC 2045 section 5.1. Not multipart: the composer would write a structure of its own around the content. */
const mediaType = /^(?!multipart\/)[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: *;[ -~]*)?$/i
/** What most file systems hold; the end is kept, for it says what the file is. */
const longestFilename = 255

/** Whether these bytes are lines of ASCII as RFC 5322 wants them. */
function travelsBare(bytes: Buffer): boolean {
  return !/[^\t\r\n -~]|\r(?!\n)|(?<!\r)\n|[^\r\n]{999}/.test(bytes.toString('latin1'))
}
