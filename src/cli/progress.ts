/** How far something long has come, for a person who waits. */
import { plain, type Terminal } from './terminal.ts'

const width = 30
/** Milliseconds between two drawings: often enough to look alive. */
const pause = 100

/** A bar over `total` steps; whoever starts one ends it, whatever happens. */
export function progressBar(terminal: Pick<Terminal, 'progress'>, total: number) {
  let done = 0
  let drawn = Number.NEGATIVE_INFINITY
  let what = ''
  const draw = () => {
    drawn = performance.now()
    const full = Math.floor((done / total) * width)
    const share = Math.floor((done / total) * 100)
    terminal.progress(`${'█'.repeat(full)}${'░'.repeat(width - full)} ${done}/${total} ${share}%${what}`)
  }
  return {
    step(count = 1): void {
      done += count
      if (performance.now() - drawn >= pause) draw()
    },
    /** Names what the next steps are, where each takes long. */
    doing(now: string): void {
      what = ` ${plain(now)}`
      draw()
    },
    end(): void {
      terminal.progress('')
    },
  }
}
