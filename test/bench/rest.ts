/** What a gateway weighs while nothing happens. */
import { setTimeout as pause } from 'node:timers/promises'
import { inbox } from './gateway.ts'
import { memory } from './processor.ts'
import type { Road } from './road.ts'
import { loaded } from './throughput.ts'

export const rest: Road = {
  name: 'rest',
  about: 'memory at rest: started, one mail through, three seconds of nothing',
  measures: { memory: { unit: 'MB', better: 'less', target: '120' } },
  systems: {
    waypost: () =>
      loaded(inbox, async ({ pid, url }, loader) => {
        await loader.load({ kind: 'http', url, messages: 1 })
        await pause(3_000)
        return { memory: memory(pid)?.now ?? null }
      }),
  },
}
