/** A file of addresses to suppress: one a line, or CSV with a heading `email` and perhaps `reason`, `type`, `source`, `at`. */
import { AddressError, canonical } from '../mail/address.ts'
import { suppressionReasons } from '../mail/suppression.ts'
import type { Suppression } from '../store/store.ts'
import { csvRows } from './csv.ts'

type Reason = Suppression['reason']

/** What a line says of an address; `source` and `at` as an export wrote them. */
export interface ListedAddress {
  email: string
  reason?: Reason
  type?: string
  source?: string
  at?: string
}

export interface AddressList {
  entries: ListedAddress[]
  wrong: { line: number; detail: string }[]
}

/** @param reason of all of them, whatever the file says */
export function readAddresses(text: string, reason?: Reason): AddressList {
  const list: AddressList = { entries: [], wrong: [] }
  const names = headings(text)
  for (const { line, email, said, ...more } of names.includes('email') ? tableRows(text, names) : lines(text)) {
    try {
      const why = reason ?? readReason(said)
      list.entries.push({ email: canonical(email), ...(why === undefined ? {} : { reason: why }), ...more })
    } catch (error) {
      if (!(error instanceof AddressError || error instanceof RangeError)) throw error
      list.wrong.push({ line, detail: error.message })
    }
  }
  return list
}

interface Row {
  line: number
  email: string
  /** The reason it gives; empty for none. */
  said: string
  type?: string
  source?: string
  at?: string
}

/** What stands in the cells of the first line. */
function headings(text: string): string[] {
  const first = text.slice(0, text.search(/[\r\n]|$/))
  return (csvRows(first)[0]?.cells ?? []).map((cell) => cell.trim().toLowerCase())
}

function tableRows(text: string, names: readonly string[]): Row[] {
  return csvRows(text)
    .slice(1)
    .map(({ line, cells }) => {
      const cell = (name: string) => cells[names.indexOf(name)] ?? ''
      const more = Object.fromEntries(
        ['type', 'source', 'at'].map((name) => [name, cell(name)]).filter(([, said]) => said),
      )
      return { line, email: cell('email'), said: cell('reason'), ...more }
    })
}

function lines(text: string): Row[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ line: index + 1, email: line.trim(), said: '' }))
    .filter(({ email }) => email !== '')
}

/** @throws RangeError for a word that is no reason */
function readReason(word: string): Reason | undefined {
  if (word === '') return undefined
  const reason = suppressionReasons.find((one) => one === word.toLowerCase())
  if (!reason) throw new RangeError(`The reason is none of ${suppressionReasons.join(', ')}.`)
  return reason
}
