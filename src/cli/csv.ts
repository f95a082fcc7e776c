/** CSV (RFC 4180), as spreadsheets write and read it. */
import { plain } from './terminal.ts'

/** What a spreadsheet takes for the beginning of a formula, which mail from strangers must never become. */
const formula = /^'*[=+\-@\t\r]/

/** One line of cells. Before what looks like a formula stands a `'`, which makes it text. */
export function csvLine(cells: readonly string[]): string {
  return cells
    .map((cell) => plain(formula.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(',')
}

/** A cell in quotes or bare, and what ends it. */
const cells = /(?:"([^"]*(?:""[^"]*)*)"|([^,\r\n]*))(,|\r\n|\r|\n|$)/g

/** The rows with the numbers of their first lines, from 1; empty rows are left out, and the `'` of `csvLine` is taken off. */
export function csvRows(text: string): { line: number; cells: string[] }[] {
  const rows: { line: number; cells: string[] }[] = []
  let line = 1
  let row = { line, cells: [] as string[] }
  for (const [whole, quoted, bare = '', end] of text.matchAll(cells)) {
    const cell = quoted === undefined ? bare.trim() : quoted.replaceAll('""', '"')
    row.cells.push(cell.replace(/^'(?='*[=+\-@\t\r])/, ''))
    line += whole.match(/\r\n|\r|\n/g)?.length ?? 0
    if (end === ',') continue
    if (row.cells.some((one) => one !== '')) rows.push(row)
    row = { line, cells: [] }
  }
  return rows
}
