/** The shape of a message in JSON: the schema that checks it, and from which `/openapi.json` is written. */
import { z } from '@hono/zod-openapi'

/** What one message may have at most. */
export const limits = {
  recipients: 1000,
  headers: 100,
  attachments: 100,
  tags: 20,
  metadata: 50,
}

const controls = /[\u0000-\u001f\u007f]/

/** One line of text, its length in code points: no control characters, so that it can stand in a header anywhere. */
function line(longest: number, shortest = 0) {
  return z
    .string()
    .min(shortest)
    .refine((text) => !controls.test(text), 'Control characters, line ends among them, are not allowed here.')
    .refine((text) => text.length <= longest || [...text].length <= longest, `At most ${longest} characters.`)
    .openapi({ maxLength: longest })
}

/** A body: any text but NUL, which mail cannot carry. */
const bodyText = z.string().refine((text) => !text.includes('\0'), 'NUL is not allowed here.')

const mailboxText = z.string().max(1000).openapi({ example: 'Ann <ann@example.com>' })
const mailboxObject = z.strictObject({ email: z.string().max(1000), name: line(255).optional() })
const notMailbox = 'Expected an address as text, or an object with email and name.'

const mailbox = z
  .union([mailboxText, mailboxObject], { error: notMailbox })
  .openapi('Mailbox', { description: 'Exactly one mailbox: `Ann <ann@example.com>`, `ann@example.com` or an object.' })
export type MailboxJson = z.infer<typeof mailbox>

const mailboxes = z
  .union([mailbox, z.array(mailbox)], { error: 'Expected an address, or a list of addresses.' })
  .openapi('Mailboxes', {
    description: `One mailbox, or a list. To, cc and bcc together name at most ${limits.recipients}.`,
  })

/** Strict base64 (RFC 4648 section 4): its alphabet only, padded, no line breaks. */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false
  const stop = text.search(/[^A-Za-z0-9+/]/)
  return stop === -1 || (stop >= text.length - 2 && /^={1,2}$/.test(text.slice(stop)))
}

const token = "[A-Za-z0-9!#$&^_.+'%*-]+"
const mediaType = new RegExp(`^${token}/${token}(?: *; *${token}=(?:${token}|"[^"\\\\\\u0000-\\u001f\\u007f]*"))*$`)

const attachment = z
  .strictObject({
    filename: line(255, 1)
      .refine((name) => !/[/\\]/.test(name) && name !== '.' && name !== '..', 'A bare file name, without folders.')
      .openapi({ maxLength: 255, example: 'invoice.pdf' }),
    content: z
      .string()
      .refine(isBase64, 'Not base64: padded, without line breaks, with + and /.')
      .openapi({ format: 'byte', description: 'Base64 (RFC 4648 section 4), padded, no line breaks.' }),
    contentType: z
      .string()
      .max(255)
      .regex(mediaType, 'Not a media type.')
      .refine((type) => !/^multipart\//i.test(type), 'An attachment is one part.')
      .optional()
      .openapi({ description: 'Left out: judged by the file name.', example: 'application/pdf' }),
    contentId: z
      .string()
      .regex(/^[!#-;=?-~]{1,200}$/, 'Visible ASCII without quotes and angle brackets, at most 200 characters.')
      .optional()
      .openapi({ description: 'For `cid:` links in the html, without angle brackets.' }),
    inline: z.boolean().optional().openapi({ description: 'Left out: true when there is a contentId.' }),
  })
  .openapi('Attachment')

const instant = z.string().max(40).openapi({ format: 'date-time', example: '2027-01-31T09:30:00+01:00' })

export const message = z
  .strictObject({
    from: mailbox,
    to: mailboxes.optional(),
    cc: mailboxes.optional(),
    bcc: mailboxes.optional(),
    replyTo: mailboxes.optional(),
    subject: line(998).optional(),
    text: bodyText.optional().openapi({ description: 'There must be `text` or `html`, or both.' }),
    html: bodyText.optional(),
    headers: z
      .record(z.string(), z.string())
      .refine((headers) => Object.keys(headers).length <= limits.headers, `At most ${limits.headers} headers.`)
      .optional()
      .openapi({ description: 'Custom headers; those that a field here makes cannot be set. `Message-ID` may be.' }),
    attachments: z.array(attachment).max(limits.attachments).optional(),
    type: line(64, 1).optional().openapi({ description: 'A name under `types`.', default: 'transactional' }),
    tags: z.array(line(128, 1)).max(limits.tags).optional(),
    metadata: z
      .record(line(64, 1), line(1000))
      .refine((metadata) => Object.keys(metadata).length <= limits.metadata, `At most ${limits.metadata} keys.`)
      .optional(),
    sendAt: instant.optional().openapi({ description: 'Not before then; at most a year ahead.' }),
    expireAt: instant.optional().openapi({ description: 'Given up then; later than sendAt.' }),
    provider: line(128)
      .min(1)
      .optional()
      .openapi({ description: 'Pins one provider; needs a key with scope `route`.' }),
  })
  .refine((body) => body.text !== undefined || body.html !== undefined, {
    error: 'There must be a text or an html body.',
    path: ['text'],
  })
  .refine(
    (body) => [body.to, body.cc, body.bcc].some((list) => (Array.isArray(list) ? list.length > 0 : list !== undefined)),
    {
      error: 'There must be a recipient in to, cc or bcc.',
      path: ['to'],
    },
  )
  .openapi('Message')
export type MessageJson = z.infer<typeof message>

/** What may be said beside raw mail. */
export const marks = z.object({ tags: message.shape.tags, metadata: message.shape.metadata })
