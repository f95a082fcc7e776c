/** What load on a mail server is, and what came of it. */

export interface Load {
  messages: number
  /** At once. */
  connections: number
  /** Ends it early: what is under way is given up and counts nowhere. */
  signal?: AbortSignal | undefined
  /** Called once for each message that was answered, and for each that could not be. */
  answered(answer: Answer): void
}

export interface Answer {
  accepted: boolean
  /** `250`, `451 4.3.2`, `202`, `ECONNRESET` */
  code: string
  /** In the server's words, or the system's. */
  said: string
  /** From the first byte of the message's own conversation to its answer. */
  milliseconds: number
}

export interface Summary {
  accepted: number
  refused: number
  seconds: number
  /** Accepted. */
  perSecond: number
  /** Milliseconds until a message was accepted; null when none was. */
  p50: number | null
  p99: number | null
  max: number | null
  /** The commonest first, each with an example. */
  errors: { code: string; count: number; said: string }[]
}

/** Counts answers from the moment it is made. */
export class Tally {
  readonly #began = performance.now()
  readonly #latencies: number[] = []
  readonly #errors = new Map<string, { count: number; said: string }>()

  add({ accepted, code, said, milliseconds }: Answer): void {
    if (accepted) {
      this.#latencies.push(milliseconds)
      return
    }
    const error = this.#errors.get(code)
    if (error) error.count++
    else this.#errors.set(code, { count: 1, said })
  }

  /** What has come by now. */
  summary(): Summary {
    const seconds = (performance.now() - this.#began) / 1000
    const latencies = Float64Array.from(this.#latencies).sort()
    const errors = [...this.#errors].map(([code, error]) => ({ code, ...error })).sort((a, b) => b.count - a.count)
    return {
      accepted: latencies.length,
      refused: errors.reduce((sum, { count }) => sum + count, 0),
      seconds,
      perSecond: latencies.length / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      max: latencies.at(-1) ?? null,
      errors,
    }
  }
}

/** The smallest value that so large a share does not exceed (nearest rank); null of nothing. @param sorted ascending */
export function quantile(sorted: ArrayLike<number>, share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
}

/** What kept a conversation from its end, as an answer's code and words. */
export function failure(error: unknown): Pick<Answer, 'accepted' | 'code' | 'said'> {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }
  const cause = errors?.[0]
  return { accepted: false, code: code ?? cause?.code ?? 'error', said: message || (cause?.message ?? '') }
}

/** A connection that ended before its answer. */
export function hungUp(): Error {
  return Object.assign(new Error('the server hung up'), { code: 'hung up' })
}
