/** Where a command reads and writes, and what may be written there. */
import { buffer } from 'node:stream/consumers'
import { styleText } from 'node:util'

export interface Terminal {
  /** One line of result; the line end is added. */
  out(line: string): void
  /** One line beside the result. */
  err(line: string): void
  /** A line beside the result that the next one replaces, for a person who waits; `''` wipes it. Nothing where nobody looks. */
  progress(line: string): void
  /** Everything on standard input. */
  input(): Promise<Uint8Array>
  /** Somebody is looking: tables are aligned and have colour. */
  tty: boolean
  colour: boolean
}

/** This process's streams. A reader that went away (`| head`) ends the command quietly. */
export function systemTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  const { env, stdout, stderr } = process
  const dumb = env.TERM === 'dumb'
  return {
    out: (line) => stdout.write(`${line}\n`),
    err: (line) => stderr.write(`${line}\n`),
    progress: (line) => void (stderr.isTTY && !dumb && stderr.write(`\r\u001b[K${line}`)),
    input: () => buffer(process.stdin),
    tty: stdout.isTTY === true,
    colour: stdout.isTTY === true && !env.NO_COLOR && !dumb,
  }
}

/** Everything that a terminal would obey instead of show: controls, and marks that turn the direction of writing. */
const unshowable = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Text from mail, vendors and servers, which is hostile until shown otherwise: one line that moves no cursor. */
export function plain(text: string): string {
  return text.replace(/[\r\n\t]+/g, ' ').replace(unshowable, '\ufffd')
}

/** JSON for machines that may yet end up on a screen: what a terminal would obey is written as an escape. */
export function json(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, 2).replace(unshowable, (found) => (found === '\n' ? found : escaped(found)))
}

export type Style = Parameters<typeof styleText>[0]

export function styled(terminal: Pick<Terminal, 'colour'>, style: Style, text: string): string {
  return terminal.colour ? styleText(style, text, { validateStream: false }) : text
}

/** A cell; with a style where it matters. Numbers and text alike; what is missing is shown as a dash. */
export type Cell = string | number | null | { text: string; style: Style }

/** Rows under their headings: aligned for a person, who is told when there are none; separated by tabs for everything else. */
export function table(terminal: Terminal, headings: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const texts = rows.map((row) => row.map(textOf))
  if (!terminal.tty) {
    for (const row of [headings, ...texts]) terminal.out(row.join('\t'))
    return
  }
  if (rows.length === 0) return terminal.out('None.')
  const widths = headings.map((heading, column) => Math.max(heading.length, ...texts.map((row) => row[column]!.length)))
  const line = (cells: readonly string[], style: (column: number) => Style | null) =>
    cells
      .map((cell, column) => {
        const padded = column === cells.length - 1 ? cell : cell.padEnd(widths[column]!)
        const wanted = style(column)
        return wanted === null ? padded : styled(terminal, wanted, padded)
      })
      .join('  ')
      .trimEnd()
  terminal.out(line(headings, () => 'bold'))
  for (const [index, row] of rows.entries()) {
    terminal.out(
      line(texts[index]!, (column) => {
        const cell = row[column]
        return typeof cell === 'object' && cell !== null ? cell.style : null
      }),
    )
  }
}

function textOf(cell: Cell): string {
  if (cell === null || cell === '') return '-'
  return plain(typeof cell === 'object' ? cell.text : String(cell))
}
