/** Sleep between the rounds of what is done over and over: until a time has passed, or there is news. */
export class Nap {
  #woken = false
  #ended = false
  #rouse: () => void = () => {}

  /** A round begins: what comes from here on is news to it. */
  begin(): void {
    this.#woken = false
  }

  /** There is news. Cheap, and kept for who is still awake. */
  wake(): void {
    this.#woken = true
    this.#rouse()
  }

  /** Wakes, and nobody sleeps any more. */
  end(): void {
    this.#ended = true
    this.wake()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Resolves after so many milliseconds, or when there is news; at once when there was since the round began, or it has ended. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#woken || this.#ended) return resolve()
      const timer = setTimeout(resolve, milliseconds)
      this.#rouse = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Waits for work to end, and no longer than so many milliseconds. It goes on all the same. @throws what the work throws in time */
export async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
