/** Where the gateway's own log goes. */
import { destination, type Logger, pino } from 'pino'

/** Bytes of log lines that are kept for a reader who has stopped reading; later ones are dropped. */
const mostUnread = 16 << 20
/** Characters and milliseconds after which lines that leave together do. */
const together = { length: 16_000, after: 100 }
/** How long a process that ends waits for a slow reader. */
const lastWords = 1000

/**
 * One line of JSON per change of state, on standard output. A closed pipe, a full disk or a reader that has stopped reading loses
 * log lines, never mail, and holds nobody up: neither memory grows without end, nor does the process stay when it is to end.
 */
export function createLog(): Logger {
  // Other commands end with their reader; a gateway goes on.
  process.stdout.removeAllListeners('error').on('error', () => {})
  let failing = false
  let deadline = Number.POSITIVE_INFINITY
  const retryEAGAIN = () => performance.now() < deadline
  const out = destination({ fd: 1, sync: false, maxLength: mostUnread, retryEAGAIN })
  out.on('error', () => {
    failing = true
  })
  out.on('write', () => {
    failing = false
  })
  // Where nobody sits and reads, lines leave together: a write for each was a tenth of what a message costs. We gather them, for
  // the library measures all that it has gathered again with each line: 8 KB of memory a line.
  let lines: string[] = []
  let length = 0
  const leave = () => {
    if (length > 0) out.write(lines.join(''))
    lines = []
    length = 0
  }
  const enough = process.stdout.isTTY ? 0 : together.length
  const gathering = {
    write(line: string) {
      lines.push(line)
      length += line.length
      if (length >= enough) leave()
    },
  }
  setInterval(leave, together.after).unref()
  // Before pino's own, which waits for ever for a reader, and for a full disk to have room.
  process.prependListener('exit', () => {
    deadline = performance.now() + lastWords
    try {
      leave()
      if (!failing) out.flushSync()
    } catch {
      // Nobody reads.
    }
    out.destroy()
  })
  const formatters = { level: (level: string) => ({ level }) }
  return pino({ base: null, timestamp: time, formatters }, gathering)
}

/** The second that lines were written in last, as text: making it was a third of what a line costs. */
let second = { since: Number.NaN, text: '' }

/** The time of a line, as pino's own `isoTime`. */
function time(): string {
  const now = Date.now()
  const since = now - (now % 1000)
  if (since !== second.since) second = { since, text: new Date(since).toISOString().slice(0, 20) }
  return `,"time":"${second.text}${String(now - since).padStart(3, '0')}Z"`
}
