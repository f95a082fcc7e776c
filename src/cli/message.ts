/** A message as flags or files name it, for the commands that send or explain one. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { post } from './api.ts'
import { Failure, WrongUsage } from './failure.ts'
import { type GatewayFlags, gather, withGateway } from './flags.ts'
import type { Terminal } from './terminal.ts'

export interface MessageFlags extends GatewayFlags {
  from?: string
  to?: string[]
  cc?: string[]
  bcc?: string[]
  subject?: string
  text?: string
  html?: string
  type?: string
  tag?: string[]
  attach?: string[]
  file?: string[]
}

export function withMessage(command: Command): Command {
  return withGateway(
    command
      .option('--from <mailbox>', 'who it is from: "Ann <ann@example.com>"')
      .option('--to <mailbox>', 'who it is for; as often as needed', gather)
      .option('--cc <mailbox>', 'as often as needed', gather)
      .option('--bcc <mailbox>', 'as often as needed', gather)
      .option('--subject <text>', 'the subject')
      .option('--text <text>', 'the body as text')
      .option('--html <html>', 'the body as HTML')
      .option('--attach <file>', 'a file to attach; as often as needed', gather)
      .option('--type <type>', 'the kind of mail: otp, transactional, marketing or your own')
      .option('--tag <tag>', 'as often as needed', gather)
      .option(
        '--file <mail.eml>',
        'a whole message instead (RFC 5322; - is standard input); as often as needed. --from and --to then set the envelope',
        gather,
      ),
  )
}

/** One message to post: where it came from, and its request. */
interface Posting {
  /** The file's name; null for a message of flags. */
  file: string | null
  query: URLSearchParams
  body: string | Uint8Array<ArrayBuffer>
  contentType: string
}

/** Posts each message the flags name to `path`, one after the other, and hands over each answer. */
export async function postEach<Answer>(
  flags: MessageFlags,
  terminal: Terminal,
  path: string,
  answered: (answer: Answer, file: string | null) => void,
): Promise<void> {
  for (const posting of flags.file ? await fromFiles(flags, flags.file, terminal) : [fromFlags(flags)]) {
    const { file, ...asked } = posting
    try {
      answered(await post<Answer>(flags, path, asked), file)
    } catch (error) {
      if (error instanceof Failure && file !== null) throw new Failure(`${file}: ${error.message}`)
      throw error
    }
  }
}

function fromFlags(flags: MessageFlags): Posting {
  const { from, to, cc, bcc, subject, text, html, type, tag } = flags
  if (from === undefined) throw new WrongUsage('--from is missing (or --file, for a whole message)')
  if (!to && !cc && !bcc) throw new WrongUsage('--to is missing (or --file, for a whole message)')
  if (text === undefined && html === undefined) throw new WrongUsage('a body is missing: --text or --html')
  const attachments = flags.attach?.map((file) => ({
    filename: basename(file),
    content: Buffer.from(readMail(file)).toString('base64'),
  }))
  // Undefined fields are left out by JSON.
  const message = { from, to, cc, bcc, subject, text, html, type, tags: tag, attachments }
  return { file: null, query: new URLSearchParams(), body: JSON.stringify(message), contentType: 'application/json' }
}

async function fromFiles(flags: MessageFlags, files: readonly string[], terminal: Terminal): Promise<Posting[]> {
  for (const name of ['cc', 'bcc', 'subject', 'text', 'html', 'attach'] as const) {
    if (flags[name] !== undefined) throw new WrongUsage(`--${name} cannot change what a --file holds; leave one out`)
  }
  if (files.filter((file) => file === '-').length > 1) throw new WrongUsage('standard input can be read just once')
  const query = new URLSearchParams([
    ...(flags.from === undefined ? [] : [['from', flags.from]]),
    ...(flags.to ?? []).map((to) => ['to', to]),
  ])
  const steering = [
    ...(flags.type === undefined ? [] : [`X-Waypost-Type: ${steeringValue('type', flags.type)}`]),
    ...(flags.tag ?? []).map((tag) => `X-Waypost-Tag: ${steeringValue('tag', tag)}`),
  ]
  const postings: Posting[] = []
  for (const file of files) {
    const mail = Buffer.from(file === '-' ? await terminal.input() : readMail(file))
    if (mail.length === 0) throw new Failure(`${file === '-' ? 'standard input' : file} is empty`)
    // The file's own line end, for a message may not mix them.
    const end = mail.subarray(0, mail.indexOf(0x0a)).at(-1) === 0x0d ? '\r\n' : '\n'
    const head = Buffer.from(steering.map((line) => line + end).join(''))
    const body = Uint8Array.from(Buffer.concat([head, mail]))
    postings.push({ file: file === '-' ? 'standard input' : file, query, body, contentType: 'message/rfc822' })
  }
  return postings
}

function steeringValue(name: string, text: string): string {
  if (/[\u0000-\u001f\u007f]/.test(text) || text.trim() === '') throw new WrongUsage(`--${name} needs one line of text`)
  return text
}

function readMail(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Failure(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
