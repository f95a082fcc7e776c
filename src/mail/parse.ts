/** From RFC 5322 to parts, for vendors that take only JSON. */
import { detectExtension } from 'nodemailer/lib/mime-funcs'
import PostalMime, { type Attachment as MimeAttachment } from 'postal-mime'
import './mime-parts.ts'
import { bodyStart, decodeWords, headerValue, isCarried, mailboxesIn, readHeaders } from './headers.ts'
import type { Attachment, Header, Mailbox, Parts } from './message.ts'

/** Deeper mail, and mail with more header bytes in all its parts together, is refused rather than read: both are bombs. */
const limits = { maxNestingDepth: 100, maxHeadersSize: 256 * 1024 }

/**
 * Reads raw mail into parts: text, html, attachments, inline images with their Content-ID, display names, custom headers.
 * Structural and trace headers (Received, DKIM-Signature, Return-Path, MIME-Version, Content-*, Date, Message-ID, …) are left out.
 * Line ends of text and html become LF. `from.email` is `''` when no From can be read.
 * @throws Error for mail that is nested more than 100 deep, has more than 1,000 parts or more than 256 KiB of headers
 */
export async function parse(raw: Uint8Array): Promise<Parts> {
  const { fields } = readHeaders(raw.subarray(0, bodyStart(raw) ?? raw.length), () => false)
  const mail = await PostalMime.parse(raw, { ...limits, attachmentEncoding: 'base64', forceRfc822Attachments: true })
  return {
    from: mailboxes(fields, 'from')[0] ?? { email: '' },
    to: mailboxes(fields, 'to'),
    cc: mailboxes(fields, 'cc'),
    replyTo: mailboxes(fields, 'reply-to'),
    subject: readable(headerValue(fields, 'subject') ?? ''),
    ...(mail.text === undefined ? {} : { text: body(mail.text) }),
    ...(mail.html === undefined ? {} : { html: body(mail.html) }),
    headers: fields
      .filter(([name, value]) => value !== '' && isCarried(name))
      .map(([name, value]) => [name, readable(value)]),
    attachments: mail.attachments.map(attachment),
  }
}

function mailboxes(fields: readonly Header[], wanted: string): Mailbox[] {
  return fields.filter(([name]) => name.toLowerCase() === wanted).flatMap(([, value]) => mailboxesIn(value))
}

/** A header value as text on one line. */
function readable(value: string): string {
  return decodeWords(value).replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}

function body(text: string): string {
  return text.replace(/\r\n/g, '\n')
}

function attachment(part: MimeAttachment, index: number): Attachment {
  const type = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(part.mimeType) ? part.mimeType : 'application/octet-stream'
  const method = /^\w+$/.test(part.method ?? '') ? `; method=${part.method}; charset=utf-8` : ''
  const contentId = part.contentId?.replace(/[^!-;=?-~]/g, '') ?? ''
  return {
    filename: filename(part.filename) || `attachment-${index + 1}.${extension(type)}`,
    contentType: type + method,
    ...(contentId === '' ? {} : { contentId }),
    inline: contentId !== '' && (part.related === true || part.disposition === 'inline'),
    content: typeof part.content === 'string' ? part.content : '',
  }
}

/** Only the name: a path in it is somebody else's. */
function filename(given: string | null): string {
  const name = (given ?? '')
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .split(/[/\\]/)
    .at(-1)!
  return /^[. ]*$/.test(name) ? '' : name.trim()
}

function extension(type: string): string {
  return /^[a-z0-9]+$/.exec(detectExtension(type))?.[0] ?? 'bin'
}
