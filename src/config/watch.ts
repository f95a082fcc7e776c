/** Noticing that the config file was changed. */
import { unwatchFile, watchFile as watchStats } from 'node:fs'

/** Milliseconds between two looks, and from a change to its call: whoever writes it in place may not have come to the end. */
const lookEvery = 500
const writtenWithin = 100

/**
 * Calls back after the file changed. It is looked at, and its folder is not listened to: the store may lie beside it, and each
 * write to that would be an event; and where the file is a link into a folder that is swapped as a whole, as Kubernetes does with a
 * ConfigMap, the folder of the link tells nothing.
 */
export function watchFile(file: string, changed: () => void): { close(): void } {
  let timer: NodeJS.Timeout | undefined
  const seen = () => {
    clearTimeout(timer)
    timer = setTimeout(changed, writtenWithin)
  }
  watchStats(file, { interval: lookEvery, persistent: false }, seen)
  return {
    close() {
      clearTimeout(timer)
      unwatchFile(file, seen)
    },
  }
}
