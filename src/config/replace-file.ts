/** Replaces a file so that whoever reads it sees the old or the new one, whole. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { ConfigInvalid } from './file.ts'

/** @throws ConfigInvalid when the file or its folder cannot be written; the file is then as it was */
export function replaceFile(file: string, text: string): void {
  let beside: string | undefined
  try {
    // Behind a link it is the file that changes, not the link.
    const real = realpathSync(file)
    const { mode } = statSync(real)
    beside = `${real}.${process.pid}.tmp`
    const handle = openSync(beside, 'wx', mode)
    try {
      fchmodSync(handle, mode)
      writeSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(beside, real)
  } catch (error) {
    if (beside !== undefined) rmSync(beside, { force: true })
    throw new ConfigInvalid(`${file} cannot be written (${(error as NodeJS.ErrnoException).code})`)
  }
}
