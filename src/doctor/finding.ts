/** What the doctor found: one thing at a time, in words, with what mends it. */

/** `unsure`: nobody could tell, or it is well and yet worth knowing. */
export type Health = 'well' | 'unsure' | 'ill'

export interface Finding {
  /** What it is about: `this machine`, `provider relay-eu`, `example.com`. */
  part: string
  /** What was looked at: `store`, `clock`, `reached`, `credentials`, `dkim`. */
  about: string
  health: Health
  detail: string
  mend?: string
}

/** Findings about one part, as they are made. */
export function findingsAbout(part: string) {
  return (about: string, health: Health, detail: string, mend?: string): Finding => ({
    part,
    about,
    health,
    detail,
    ...(mend === undefined ? {} : { mend }),
  })
}

/** What an error of the network comes to. */
export function codeOf(error: unknown): string {
  const { cause, code, name, message } = error as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }
  if (name === 'TimeoutError') return 'no answer in time'
  return cause?.code ?? code ?? cause?.message ?? message
}
