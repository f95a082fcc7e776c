/** Mailgun's `messages`, `messages.mime`, `events` and suppressions of one domain, by its sheet: refuses what Mailgun refuses. */
import { mailboxes } from './mailboxes.ts'
import { type Asked, type FakeVendor, fakeVendor, json, type Reply } from './vendor.ts'

export const mailgunKey = 'fake-mailgun-key'
export const mailgunDomain = 'mg.example.com'

const created_at = 'Thu, 11 Dec 2025 01:49:40 UTC'

/** The domain's lists. */
export const mailgunLists: Record<string, { address: string; created_at: string; tags?: string[] }[]> = {
  bounces: Array.from({ length: 1001 }, (_, n) => ({ address: `gone-${n}@example.com`, created_at })),
  complaints: [{ address: 'cross@example.com', created_at }],
  unsubscribes: [
    { address: 'leaver@example.com', tags: ['*'], created_at },
    { address: 'half@example.com', tags: ['news'], created_at },
  ],
}

/** Pages are told apart by the last address of the one before; the last page names a next, which is empty. */
function page(asked: Asked, list: { address: string }[]): Reply {
  const limit = Number(asked.query.get('limit') ?? 100)
  if (limit > 1000) return json(400, { message: 'limit is too large' })
  const after = list.findIndex(({ address }) => address === asked.query.get('address')) + 1
  const items = list.slice(after, after + limit)
  const last = encodeURIComponent(items.at(-1)?.address ?? asked.query.get('address') ?? '')
  const next = `https://api.mailgun.net${asked.path}?page=next&address=${last}&limit=${limit}`
  return json(200, { items, paging: { next } })
}

export async function fakeMailgun(): Promise<FakeVendor> {
  let serial = 0
  const vendor = await fakeVendor(async (asked) => {
    const basic = `Basic ${Buffer.from(`api:${mailgunKey}`).toString('base64')}`
    const [, , domain, what] =
      /^(\/v3\/([^/]+)\/(messages|messages\.mime|events|bounces|complaints|unsubscribes))$/.exec(asked.path) ?? []
    if (what === undefined) return { status: 200, body: 'Mailgun Magnificent API' }
    if (asked.headers.authorization !== basic) return { status: 401, body: 'Forbidden' }
    if (domain !== mailgunDomain) return json(404, { message: `Domain not found: ${domain}` })
    if (what === 'events') return events(asked, vendor)
    if (what in mailgunLists) return page(asked, mailgunLists[what]!)
    if (asked.body.length > 26_500_000) return json(413, { message: 'Message is too large' })
    const id = `${++serial}.fake@${mailgunDomain}`
    return what === 'messages' ? takeForm(asked, id) : takeMime(asked, id)
  })
  return vendor
}

const own = new Set(['h:from', 'h:to', 'h:cc', 'h:bcc', 'h:subject', 'h:content-type'])

async function takeForm(asked: Asked, made: string): Promise<Reply> {
  const form = await fields(asked)
  if (!form) return json(400, { message: 'missing body' })
  const from = mailboxes(form.get('from'))
  if (from.length !== 1) return json(400, { message: 'from parameter is missing' })
  const found = recipients(form, ['to', 'cc', 'bcc'])
  if (typeof found !== 'object') return json(400, { message: found })
  if (!form.get('subject')) return json(400, { message: 'subject parameter is missing' })
  if (!form.get('text') && !form.get('html')) {
    return json(400, { message: "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified" })
  }
  for (const name of form.keys())
    if (own.has(name.toLowerCase())) return json(400, { message: `${name} has its own field` })
  if (optionBytes(form) > 16_384) {
    return json(400, { message: 'Send options (parameters starting with o:, h:, or v:) are limited to 16KB total' })
  }
  for (const part of [...form.getAll('attachment'), ...form.getAll('inline')]) {
    if (typeof part === 'string') return json(400, { message: 'an attachment without a file name' })
  }
  const id = String(form.get('h:Message-Id') ?? `<${made}>`)
  return queued(id, found, String(form.get('subject')), shape(form))
}

async function takeMime(asked: Asked, made: string): Promise<Reply> {
  const form = await fields(asked)
  const file = form?.get('message')
  if (!form || !(file instanceof File)) return json(400, { message: 'message parameter is missing' })
  const found = recipients(form, ['to'])
  if (typeof found !== 'object') return json(400, { message: found })
  if (optionBytes(form) > 16_384) return json(400, { message: 'Send options are limited to 16KB total' })
  const raw = Buffer.from(await file.arrayBuffer())
  const header = (name: string) => new RegExp(`^${name}: *(.*)\\r$`, 'im').exec(raw.toString('latin1'))?.[1]
  return queued(header('Message-ID') ?? `<${made}>`, found, header('Subject') ?? '', { ...shape(form), raw })
}

function queued(id: string, recipients: string[], subject: string, fields: Record<string, unknown>): Reply {
  const hidden = [fields.bcc ?? []].flat().flatMap(mailboxes)
  const takes = { id: id.replace(/^<|>$/g, ''), recipients, hidden, subject, fields }
  return { ...json(200, { id, message: 'Queued. Thank you.' }), takes }
}

/** The addresses, or what Mailgun says about the first that is none. */
function recipients(form: FormData, roles: string[]): string[] | string {
  const all: string[] = []
  for (const role of roles) {
    for (const value of form.getAll(role)) {
      const found = mailboxes(value)
      if (found.length === 0 || found.some((email) => email.startsWith('bad@'))) {
        return `${role} parameter is not a valid address. please check documentation`
      }
      all.push(...found)
    }
  }
  if (all.length === 0) return 'to parameter is missing'
  return all.length > 1000 ? 'too many recipients' : all
}

async function fields(asked: Asked): Promise<FormData | null> {
  const type = asked.headers['content-type'] ?? ''
  if (!/^multipart\/form-data; *boundary=/.test(type)) return null
  return new Response(new Uint8Array(asked.body), { headers: { 'content-type': type } }).formData()
}

function optionBytes(form: FormData): number {
  return [...form].reduce(
    (sum, [name, value]) => sum + (/^[ohvt]:/.test(name) ? name.length + String(value).length : 0),
    0,
  )
}

function shape(form: FormData): Record<string, unknown> {
  return Object.fromEntries([...new Set(form.keys())].map((name) => [name, form.getAll(name)]))
}

function events(asked: Asked, vendor: FakeVendor): Reply {
  const wanted = asked.query.get('message-id')
  const items = vendor.found
    .filter((mail) => wanted === null || mail.id === wanted)
    .flatMap((mail) =>
      mail.recipients.map((recipient) => ({
        event: 'accepted',
        recipient,
        message: { headers: { 'message-id': mail.id } },
      })),
    )
  return json(200, { items, paging: {} })
}
