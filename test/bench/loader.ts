/** The load, from a process of its own: the same 5 KB mail by SMTP or HTTP, 50 at once. */
import { httpLoad } from '../../src/cli/load/http.ts'
import { smtpLoad } from '../../src/cli/load/smtp.ts'
import { type Summary, Tally } from '../../src/cli/load/tally.ts'
import { answering, now, startHelper } from './helper.ts'

export const connections = 50

const text = 'All work and no play makes Jack a dull boy.\r\n'.repeat(110)
/** As the HTTP API takes it. */
export const message = { from: 'me@example.com', to: 'you@example.org', subject: 'Five kilobytes', text }
/** As SMTP takes it. */
export const mail = `From: me@example.com\r\nTo: you@example.org\r\nSubject: Five kilobytes\r\n\r\n${text}`

/** @property later the mail is to be sent an hour later: it is taken in, and nothing more */
type Job = { messages: number; later?: boolean } & (
  | { kind: 'smtp'; port: number; reconnect: boolean }
  | { kind: 'http'; url: string; type?: string }
)

export interface Loaded extends Summary {
  /** By `now()`. */
  began: number
}

export interface Loader {
  /** @throws when a mail is refused: figures of half a load mean nothing */
  load(job: Job): Promise<Loaded>
  stop(): void
}

export function startLoader(): Loader {
  const helper = startHelper(import.meta.filename)
  return {
    async load(job) {
      const loaded: Loaded = await helper.ask(job)
      const [error] = loaded.errors
      if (error) throw new Error(`${loaded.refused} of ${job.messages} refused: ${error.code} ${error.said}`)
      return loaded
    },
    stop: () => helper.stop(),
  }
}

answering<Job>(async (job) => {
  const began = now()
  const tally = new Tally()
  const load = { messages: job.messages, connections, answered: tally.add.bind(tally) }
  const sendAt = job.later ? new Date(Date.now() + 3_600_000).toISOString() : undefined
  if (job.kind === 'smtp') {
    const { port, reconnect } = job
    const given = sendAt === undefined ? mail : `X-Waypost-Send-At: ${sendAt}\r\n${mail}`
    await smtpLoad({ host: '127.0.0.1', port, reconnect, from: message.from, to: message.to, mail: given }, load)
  } else {
    await httpLoad({ url: job.url, message: { ...message, type: job.type, sendAt } }, load)
  }
  return { ...tally.summary(), began }
})
