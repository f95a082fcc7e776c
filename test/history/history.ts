/**
 * A history: what clients did and were told, what the far ends received, and what was done to the gateway, one line of JSON each
 * in the order in which it happened. Every line is in the file before the thing it tells of goes on.
 */
import { openSync, readFileSync, writeSync } from 'node:fs'

/** A message is known by its recipient, who gets just one. */
export type Line =
  /** A client is about to hand a message in. `unknown`: what its type says to do when no answer comes back. */
  | { what: 'invoke'; key: string; unknown: 'failover' | 'reconcile' | 'hold' }
  /** 202 or 250. */
  | { what: 'ok'; key: string; id: string }
  /** The client heard no. */
  | { what: 'fail'; key: string; why: string }
  /** The client heard nothing, and cannot know. */
  | { what: 'info'; key: string; why: string }
  /**
   * A far end has it; written before it answers. `honoursKeys`: it takes a message once, however often it is asked to. `unheard`: it
   * is made to keep its answer back.
   */
  | { what: 'delivered'; key: string; sink: string; honoursKeys: boolean; unheard?: boolean }
  /** A far end that honours keys was asked again for what it has. */
  | { what: 'recognised'; key: string; sink: string }
  /** A client asked what became of it. `unknowns`: attempts whose answer never came. */
  | { what: 'told'; key: string; status: string; unknowns: number }
  /** SIGKILL comes between these two; `up` is written once the next process takes mail. */
  | { what: 'kill' }
  | { what: 'up' }

export class History {
  /** Lines written so far. */
  length = 0
  readonly #path: string
  readonly #file: number

  constructor(path: string) {
    this.#path = path
    this.#file = openSync(path, 'a')
  }

  write(line: Line): void {
    this.length++
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  lines(): Line[] {
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  }
}
