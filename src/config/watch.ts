/** Noticing that the config file was changed. */
import { watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** Calls back after the file changed: editors write a file anew, so its folder is watched, and bursts count once. */
export function watchFile(file: string, changed: () => void): { close(): void } {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(dirname(resolve(file)), (_event, name) => {
    if (name !== basename(file)) return
    clearTimeout(timer)
    timer = setTimeout(changed, 100)
  })
  return {
    close() {
      clearTimeout(timer)
      watcher.close()
    },
  }
}
