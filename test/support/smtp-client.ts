/** A client that says exactly the bytes a test wants said. */
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { testCertificate } from './tls/certificate.ts'

/** Generous: only a bug takes so long. */
const deadline = 10_000

export class SmtpClient {
  readonly socket: Socket
  /** Everything that was answered. */
  transcript = ''
  #read = 0
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.transcript += chunk.toString('latin1')
      this.#wake()
    })
    const ended = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on('error', ended)
    socket.on('end', ended)
    socket.on('close', ended)
  }

  static async connect(port: number, tls = false): Promise<SmtpClient> {
    const socket = tls
      ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: testCertificate.cert })
      : connectPlain(port, '127.0.0.1')
    const client = new SmtpClient(socket)
    await once(socket, tls ? 'secureConnect' : 'connect')
    return client
  }

  /** Connects and reads the greeting and the answer to EHLO. */
  static async hello(port: number, tls = false): Promise<SmtpClient> {
    const client = await SmtpClient.connect(port, tls)
    await client.reply()
    await client.say('EHLO client.test')
    return client
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes)
  }

  /** The next whole reply, its lines joined by LF; `''` when the connection has ended instead. */
  async reply(): Promise<string> {
    const until = Date.now() + deadline
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.transcript.slice(this.#read))
      if (match) {
        this.#read += match[0].length
        return match[0].replaceAll('\r', '').trimEnd()
      }
      if (this.#ended) return ''
      await this.#more(until)
    }
  }

  /** Says one line and reads its reply. */
  say(line: string): Promise<string> {
    this.write(`${line}\r\n`)
    return this.reply()
  }

  /** Sends one message (CRLF lines; dots are stuffed here) and reads the last reply. */
  async send(content: string | Buffer, from = 'a@x.test', to: string[] = ['b@y.test']): Promise<string> {
    await this.say(`MAIL FROM:<${from}>`)
    for (const recipient of to) await this.say(`RCPT TO:<${recipient}>`)
    await this.say('DATA')
    const text = typeof content === 'string' ? content : content.toString('latin1')
    const stuffed = text.replace(/^\./gm, '..')
    this.write(Buffer.from(`${stuffed}${stuffed.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1'))
    return this.reply()
  }

  /** STARTTLS; the client for the TLS session, after EHLO. */
  async startTls(): Promise<SmtpClient> {
    const answer = await this.say('STARTTLS')
    if (!answer.startsWith('220')) throw new Error(answer)
    this.socket.removeAllListeners('data')
    const socket = connectTls({ socket: this.socket, servername: 'localhost', ca: testCertificate.cert })
    const secure = new SmtpClient(socket)
    await once(socket, 'secureConnect')
    return secure
  }

  /** Resolves when the server has closed its side. */
  async closed(): Promise<void> {
    const until = Date.now() + deadline
    while (!this.#ended) await this.#more(until)
  }

  end(): void {
    this.socket.destroy()
  }

  async #more(until: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer after:\n${this.transcript}`)), until - Date.now())
    })
    try {
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), late])
    } finally {
      clearTimeout(timer)
    }
  }
}
