/** What a gateway weighs while nothing happens. */
import { setTimeout as pause } from 'node:timers/promises'
import { inbox } from './gateway.ts'
import { memory } from './processor.ts'
import type { Road } from './road.ts'
import { loaded } from './throughput.ts'

export const rest: Road = {
  name: 'rest',
  about: 'memory at rest: started, one mail through, then nothing for 15 seconds',
  measures: { memory: { unit: 'MB', better: 'less', target: '120' } },
  systems: {
    waypost: () =>
      loaded(inbox, async ({ pid, url }, loader) => {
        await loader.load({ kind: 'http', url, messages: 1 })
        // V8 gives emptied pages back late.
        await pause(15_000)
        return { memory: memory(pid)?.now ?? null }
      }),
  },
}
