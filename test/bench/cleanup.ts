/** What must not outlive a measurement, however it ends: by itself, by an error, by Ctrl-C. */
import { newFolder, remove } from '../support/waypost.ts'

const pending = new Set<() => void>()
process.on('exit', () => {
  // The last first: what runs in a folder goes before the folder.
  for (const clean of [...pending].reverse()) clean()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Runs `clean` when what is returned is called, or at the end of the process; once. */
export function cleanup(clean: () => void): () => void {
  const once = () => {
    if (pending.delete(once)) clean()
  }
  pending.add(once)
  return once
}

export function temporaryFolder(): { folder: string; discard: () => void } {
  const folder = newFolder()
  return { folder, discard: cleanup(() => remove(folder)) }
}
