/** Marks in a small file beside the store: written without a flush, for they need only outlive the process. */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import type { Marks } from './queue/poison.ts'

const length = 64

/** @param path made when it is not there */
export function openMarks(path: string): Marks & { close(): void } {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  const read = Buffer.alloc(2 * length)
  readSync(file, read, 0, read.length, 0)
  const left = [0, 1].map((place) =>
    read.toString('latin1', place * length, (place + 1) * length).replace(/[\0 ]+$/, ''),
  )
  const one = Buffer.alloc(length)
  const write = (place: number, text: string) => {
    one.fill(' ').write(text, 'latin1')
    writeSync(file, one, 0, length, place * length)
  }
  return {
    left: () => left.filter((id) => id !== ''),
    set: (place, messageId) => write(place, messageId.slice(0, length)),
    wipe: (place) => write(place, ''),
    close: () => closeSync(file),
  }
}
