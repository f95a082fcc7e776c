/** One HTTP exchange over a pool of connections: the request, the answer as far as it came, and what it means when none did. */
import type { Readable } from 'node:stream'
import type { Agent, Dispatcher } from 'undici'
import type { Handoff, HttpAnswer } from '../mail/adapter.ts'
import type { Outcome } from '../mail/outcome.ts'
import { unanswered } from './classify.ts'

const usualLongest = 1_048_576
/** Small enough that a request of any weight is not all handed to the socket at once, large enough to cost nothing. */
const pieceLength = 65_536

export interface Call {
  method: string
  url: string
  headers: Record<string, string>
  body: string | Uint8Array
}

export type Carried = { answer: HttpAnswer } | { outcome: Outcome }
/** When it must be over, and how many bytes of answer are read. */
export type Deadline = Pick<Handoff, 'signal' | 'timeout'> & { longest?: number }

/** Makes the call, once. Resolves when it was answered, broke or is overdue; never rejects. */
export function exchange(agent: Agent, call: Call, deadline: Deadline): Promise<Carried> {
  return new Promise((resolve) => new Exchange(call, deadline, resolve).start(agent))
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #call: Call
  readonly #body: Uint8Array
  readonly #deadline: Deadline
  readonly #done: (carried: Carried) => void
  readonly #abort = () => {
    this.#lose(overdue(this.#deadline))
    this.#controller?.abort(overdue(this.#deadline))
  }
  #controller: Dispatcher.DispatchController | null = null
  #ended = false
  /** The whole request may have left this machine. */
  #handedOver = false
  #status = 0
  #headers: Record<string, string> = {}
  readonly #answered: Buffer[] = []
  #length = 0

  constructor(call: Call, deadline: Deadline, done: (carried: Carried) => void) {
    this.#call = call
    this.#body = typeof call.body === 'string' ? Buffer.from(call.body) : call.body
    this.#deadline = deadline
    this.#done = done
  }

  /** It has a body, and that leaves in one piece. */
  get #isSmall(): boolean {
    return this.#body.length > 0 && this.#body.length <= pieceLength
  }

  start(agent: Agent): void {
    const { signal, timeout } = this.#deadline
    if (signal.aborted) return this.#lose(overdue(this.#deadline))
    signal.addEventListener('abort', this.#abort)
    const { method, headers, url } = this.#call
    const length = this.#body.length
    try {
      const { origin, pathname, search } = new URL(url)
      const options: Dispatcher.DispatchOptions = {
        origin,
        path: pathname + search,
        method: method as Dispatcher.HttpMethod,
        headers: {
          'user-agent': 'waypost',
          ...headers,
          ...(length > 0 ? { 'content-length': String(length) } : {}),
        },
        // undici takes any iterable, and pulls the next piece only when the socket has room; its types know streams only.
        body: length === 0 ? null : this.#isSmall ? this.#body : (this.#pieces() as unknown as Readable),
        headersTimeout: timeout,
        bodyTimeout: timeout,
      }
      agent.dispatch(options, this)
    } catch (error) {
      this.#lose(error)
    }
  }

  *#pieces(): Generator<Uint8Array> {
    for (let start = 0; start < this.#body.length; start += pieceLength) {
      if (start + pieceLength >= this.#body.length) this.#handedOver = true
      yield this.#body.subarray(start, start + pieceLength)
    }
  }

  /** It has a connection, and is about to be written: in one piece where it is small. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) return controller.abort(overdue(this.#deadline))
    this.#controller = controller
    this.#handedOver = this.#isSmall
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    // Interim answers (RFC 9110 section 15.2) come before the one.
    if (status < 200) return
    this.#status = status
    this.#headers = flat(headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#length += piece.length
    const longest = this.#deadline.longest ?? usualLongest
    if (this.#length > longest) controller.abort(new Error(`the answer is longer than ${longest} bytes`))
    else this.#answered.push(piece)
  }

  onResponseEnd(): void {
    this.#end({ answer: this.#answer() })
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#lose(error)
  }

  /** A success whose body did not come whole may say anything; a refusal is one already by its status. */
  #lose(error: unknown): void {
    if (this.#status >= 300) return this.#end({ answer: this.#answer() })
    const reason = this.#deadline.signal.aborted ? overdue(this.#deadline) : error
    this.#end({ outcome: unanswered(reason, this.#handedOver || this.#status > 0) })
  }

  #answer(): HttpAnswer {
    return { status: this.#status, headers: this.#headers, body: Buffer.concat(this.#answered).toString('utf8') }
  }

  #end(carried: Carried): void {
    if (this.#ended) return
    this.#ended = true
    this.#deadline.signal.removeEventListener('abort', this.#abort)
    this.#done(carried)
  }
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const one: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    one[name] = typeof value === 'string' ? value : [value].flat().join(', ')
  }
  return one
}

function overdue(deadline: Deadline): Error {
  const timedOut = deadline.signal.reason instanceof Error && deadline.signal.reason.name === 'TimeoutError'
  const text = timedOut ? `no answer within ${deadline.timeout} ms` : 'the call was broken off'
  return Object.assign(new Error(text), { code: timedOut ? 'ETIMEDOUT' : 'ABORTED' })
}
