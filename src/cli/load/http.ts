/**
 * Load over Waypost's own HTTP API that costs the machine little: the request's bytes are made once, and answers are read only when
 * they refuse. A client's library does more than that for each request, on the processor of the gateway that is measured.
 */
import { connect, type Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { HTTPParser } from 'http-parser-js'
import { type Answer, failure, hungUp, type Load } from './tally.ts'

export interface HttpTarget {
  /** `http://127.0.0.1:8025` */
  url: string
  key?: string | undefined
  /** As `POST /v1/messages` takes it. */
  message: object
}

/** Posts the message so often; resolves when all were answered. What the gateway says is told by `answered`, never thrown. */
export async function httpLoad(target: HttpTarget, { messages, connections, signal, answered }: Load): Promise<void> {
  const url = new URL(target.url)
  const request = requestTo(url, target)
  let left = messages
  const lane = async () => {
    let connection: Connection | null = null
    while (left-- > 0 && !signal?.aborted) {
      const began = performance.now()
      let answer: Pick<Answer, 'accepted' | 'code' | 'said'>
      try {
        if (!connection?.kept) connection = new Connection(url, signal)
        answer = await connection.post(request)
      } catch (error) {
        answer = failure(error)
      }
      if (signal?.aborted) break
      answered({ ...answer, milliseconds: performance.now() - began })
    }
    connection?.end()
  }
  await Promise.all(Array.from({ length: Math.min(connections, messages) }, lane))
}

function requestTo({ host, pathname }: URL, { key, message }: HttpTarget): Buffer {
  const body = JSON.stringify(message)
  const lines = [
    `POST ${pathname.replace(/\/+$/, '')}/v1/messages HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** One request at a time (RFC 9112). */
class Connection {
  /** It takes another request. */
  kept = true
  readonly #socket: Socket
  readonly #parser = new HTTPParser('RESPONSE')
  #status = 0
  #said = ''
  #waiting: PromiseWithResolvers<Pick<Answer, 'accepted' | 'code' | 'said'>> | null = null

  constructor(url: URL, signal: AbortSignal | undefined) {
    const secure = url.protocol === 'https:'
    const to = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || (secure ? 443 : 80) }
    this.#socket = secure ? connectTls(to) : connect(to)
    if (signal) addAbortSignal(signal, this.#socket)
    this.#socket
      .setNoDelay()
      .on('data', (bytes) => this.#read(bytes))
      .on('end', () => this.#parser.finish())
      .on('error', (error) => this.#ended(error))
      .on('close', () => this.#ended())
    this.#parser[HTTPParser.kOnHeadersComplete] = ({ statusCode, shouldKeepAlive }) => {
      this.#status = statusCode
      this.kept &&= shouldKeepAlive
    }
    this.#parser[HTTPParser.kOnBody] = (piece) => {
      if (this.#status !== 202 && this.#said.length < 1_000) this.#said += piece.toString('utf8')
    }
    this.#parser[HTTPParser.kOnMessageComplete] = () => this.#answered()
  }

  /** @throws the system's error, or that of an answer which is not HTTP */
  post(request: Buffer): Promise<Pick<Answer, 'accepted' | 'code' | 'said'>> {
    this.#waiting = Promise.withResolvers()
    this.#socket.write(request)
    return this.#waiting.promise
  }

  end(): void {
    this.kept = false
    this.#socket.end()
  }

  #read(bytes: Buffer): void {
    const read = this.#parser.execute(bytes)
    if (read instanceof Error) this.#ended(read)
  }

  #answered(): void {
    // 103 and its like come before the answer (RFC 9110 section 15.2).
    if (this.#status < 200) return
    const accepted = this.#status === 202
    this.#waiting?.resolve({ accepted, code: String(this.#status), said: accepted ? '' : problem(this.#said) })
    this.#waiting = null
    this.#said = ''
    if (!this.kept) this.#socket.end()
  }

  #ended(error: Error = hungUp()): void {
    this.kept = false
    this.#waiting?.reject(error)
    this.#waiting = null
    this.#socket.destroy()
  }
}

/** The sentence of a problem (RFC 9457), or what was said as it is. */
function problem(text: string): string {
  try {
    const { title, detail } = JSON.parse(text) as { title?: unknown; detail?: unknown }
    return String(detail ?? title ?? text)
  } catch {
    return text
  }
}
