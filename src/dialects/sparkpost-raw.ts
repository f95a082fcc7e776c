/** Ready-made mail in a SparkPost transmission (`email_rfc822`): values are put into its top headers and its first text and html. */
import { beyondAscii } from '../mail/address.ts'
import { Untranslatable, type Wanted, wrongField } from '../mail/dialect.ts'
import { bodyStart, headerValue, readHeaders } from '../mail/headers.ts'
import { joined } from '../mail/signature.ts'
import type { Person } from './sparkpost-recipients.ts'
import { type Budget, budget, type Data, type Template, template } from './sparkpost-template.ts'
import { troubleOf } from './sparkpost-trouble.ts'

/** A copy for each, or one message for all who have the same marks where nothing is put in. */
export async function rawMessages(
  text: string,
  people: readonly Person[],
  { sendAt, substitutes }: { sendAt: number | undefined; substitutes: boolean },
  at: number,
): Promise<Wanted[]> {
  const raw = new TextEncoder().encode(text)
  const start = bodyStart(raw) ?? raw.length
  const [head, body] = [new TextDecoder().decode(raw.subarray(0, start)), raw.subarray(start)]
  const bodies = substitutes ? await bodiesOf(raw) : null
  const wanted = (raw: Uint8Array, to: string[], { tags, metadata }: Person): Wanted => ({
    raw,
    to,
    tags,
    metadata,
    ...(sendAt === undefined ? {} : { sendAt }),
    field: (pointer) => (/^\/(?:tags|metadata)\b/.test(pointer) ? pointer.slice(1) : 'content.email_rfc822'),
  })
  if (bodies === null && !head.includes('{{')) {
    const alike = Map.groupBy(people, ({ tags, metadata }) => JSON.stringify([tags, metadata]))
    return [...alike.values()].map((group) => wanted(raw, [...new Set(group.map(({ email }) => email))], group[0]!))
  }
  const spend = budget()
  const shape = headTemplate(head)
  return Promise.all(
    people.map(async (one): Promise<Wanted> => {
      try {
        const filled = shape(one.data, spend)
        const mail = joined(filled, body)
        // Names beyond ASCII that were put in are to be encoded.
        const anew = bodies !== null || (beyondAscii.test(filled) && !beyondAscii.test(head))
        return wanted(anew ? await rewritten(mail, one.data, bodies, spend, at) : mail, [one.email], one)
      } catch (error) {
        return { refused: troubleOf(error) }
      }
    }),
  )
}

function headTemplate(head: string): Template {
  try {
    return template(head, 'header')
  } catch (error) {
    throw new Untranslatable(troubleOf(error))
  }
}

/** The same mail with its bodies filled in and all of it written anew. */
async function rewritten(
  mail: Uint8Array,
  data: Data,
  bodies: Bodies | null,
  spend: Budget,
  at: number,
): Promise<Uint8Array> {
  const [{ parse }, { compose }] = await libraries()
  const { fields } = readHeaders(mail.subarray(0, bodyStart(mail) ?? mail.length), () => false)
  const parts = await parse(mail)
  const id = crypto.randomUUID()
  const domain = parts.from.email.split('@')[1] ?? 'localhost'
  const messageId = /<[^<>\s]+>/.exec(headerValue(fields, 'message-id') ?? '')?.[0] ?? `<${id}@${domain}>`
  return compose(
    { id, messageId, acceptedAt: Date.parse(headerValue(fields, 'date') ?? '') || at },
    {
      ...parts,
      ...(bodies && parts.text !== undefined ? { text: bodies.text(data, spend) } : {}),
      ...(bodies && parts.html !== undefined ? { html: bodies.html(data, spend) } : {}),
    },
  )
}

/** Loaded only here: little mail comes this way. */
function libraries() {
  return Promise.all([import('../mail/parse.ts'), import('../mail/compose.ts')])
}

interface Bodies {
  text: Template
  html: Template
}

/** The bodies as templates; null when there is nothing to put in. @throws Untranslatable when the mail cannot be read */
async function bodiesOf(raw: Uint8Array): Promise<Bodies | null> {
  const [{ parse }] = await libraries()
  const { text = '', html = '' } = await parse(raw).catch(() => {
    throw wrongField('content.email_rfc822', 'content.email_rfc822 cannot be read')
  })
  if (!text.includes('{{') && !html.includes('{{')) return null
  try {
    return { text: template(text, 'text'), html: template(html, 'html') }
  } catch (error) {
    throw new Untranslatable(troubleOf(error))
  }
}
