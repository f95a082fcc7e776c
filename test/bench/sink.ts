/**
 * Where mail ends: a relay that speaks SMTP, or a vendor that speaks Resend's API, in a process of its own. Takes everything and
 * looks at no more than it must.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { answering, now, startHelper } from './helper.ts'

/** The subject of the mails whose arrival is told one by one. */
export const watched = 'Your code'

export interface Sink {
  port: number
  /** When, by `now()`, it had taken so many in all. */
  took(count: number): Promise<number>
  /** When the next mail with the subject `watched` arrived; each is told once. */
  saw(): Promise<number>
  stop(): void
}

interface Settings {
  kind: 'smtp' | 'http'
  /** Milliseconds it thinks about each message. */
  delay?: number
}

export async function startSink(settings: Settings): Promise<Sink> {
  const helper = startHelper(import.meta.filename)
  return {
    port: await helper.ask({ start: settings }),
    took: (count) => helper.ask({ took: count }),
    saw: () => helper.ask({ saw: true }),
    stop: () => helper.stop(),
  }
}

let taken = 0
let last = 0
let wanted = { count: Number.POSITIVE_INFINITY, reached: (_at: number) => {} }
const sightings: number[] = []
let watcher: ((at: number) => void) | null = null

answering<{ start: Settings } | { took: number } | { saw: true }>((question) => {
  if ('start' in question) return serve(question.start)
  return new Promise<number>((resolve) => {
    if ('took' in question) {
      wanted = { count: question.took, reached: resolve }
      tell()
    } else {
      const seen = sightings.shift()
      if (seen === undefined) watcher = resolve
      else resolve(seen)
    }
  })
})

/** Counts a message. */
function take(text: string): void {
  taken++
  last = now()
  tell()
  if (!text.includes(watched)) return
  if (watcher) watcher(last)
  else sightings.push(last)
  watcher = null
}

function tell(): void {
  if (taken < wanted.count) return
  wanted.count = Number.POSITIVE_INFINITY
  wanted.reached(last)
}

function serve({ kind, delay = 0 }: Settings): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.setEncoding('latin1').on('error', () => undefined)
    const answer = (text: string) => {
      if (delay === 0) socket.write(text)
      else setTimeout(() => socket.write(text), delay)
    }
    if (kind === 'smtp') relay(socket, answer)
    else vendor(socket, answer)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** RFC 5321 with PIPELINING, for clients that make no mistakes. `answer` is for whole messages. */
function relay(socket: Socket, answer: (text: string) => void): void {
  let inBody = false
  let rest = ''
  socket.write('220 sink\r\n')
  socket.on('data', (text: string) => {
    rest += text
    let replies = ''
    for (;;) {
      const mark = inBody ? '\r\n.\r\n' : '\r\n'
      const end = rest.indexOf(mark)
      if (end < 0) break
      const said = rest.slice(0, end)
      rest = rest.slice(end + mark.length)
      const verb = said.slice(0, 4).toUpperCase()
      if (inBody) {
        inBody = false
        take(said)
        answer('250 2.0.0 Ok: queued as 4SINK1234\r\n')
      } else if (verb === 'EHLO') replies += '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n'
      else if (verb === 'QUIT') {
        socket.end(`${replies}221 2.0.0 bye\r\n`)
        return
      } else if (verb === 'DATA') {
        replies += '354 go\r\n'
        inBody = true
      } else replies += '250 2.0.0 ok\r\n'
    }
    if (replies !== '') socket.write(replies)
  })
}

/** Just enough of HTTP/1.1 for requests with a Content-Length. https://resend.com/docs/api-reference/emails/send-email */
function vendor(socket: Socket, answer: (text: string) => void): void {
  const body = '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}'
  const response = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  let rest = ''
  socket.on('data', (text: string) => {
    rest += text
    for (;;) {
      const end = rest.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(rest.slice(0, end))![1])
      if (rest.length < end + 4 + length) return
      take(rest.slice(end + 4, end + 4 + length))
      rest = rest.slice(end + 4 + length)
      answer(response)
    }
  })
}
