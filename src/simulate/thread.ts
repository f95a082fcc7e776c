/** A thread that runs one policy: its clock is not ours, so it does nothing else and ends with the run. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Draft, readDraft } from './draft.ts'
import { type Mix, made } from './mix.ts'
import type { Outage } from './outage.ts'
import { run } from './run.ts'
import type { Figures } from './tally.ts'
import { VirtualTime } from './time.ts'
import { type Mail, mailsIn, type Owed, type Pages, under } from './traffic.ts'
import type { Model } from './vendors.ts'

/** Where the mail comes from, and what its types were owed then. */
export type Source = ({ pages: Pages } | { mix: Mix }) & { owed: Owed }

export interface Task {
  draft: Draft
  source: Source
  models: ReadonlyMap<string, Model>
  outages: readonly Outage[]
  seed: number
  during: { from: number; until: number }
}

/** What it says: how many messages came since it said so last, or how it ended. */
export type Told = { came: number } | { figures: Figures }

/** Messages between two reports. */
const reportEach = 1_000

function* mailsOf(source: Source, owed: Owed): Generator<Mail> {
  const mails = 'pages' in source ? mailsIn(source.pages) : made(source.mix, source.owed)
  for (const { message, recipients } of mails) yield { message: under(message, source.owed, owed), recipients }
}

async function work({ draft, source, ...task }: Task): Promise<void> {
  const port = parentPort!
  const config = await readDraft(draft)
  if (Array.isArray(config)) throw new Error(config.join('\n'))
  const time = new VirtualTime(task.during.from)
  time.rule()
  let came = 0
  const figures = await run(mailsOf(source, config.types), {
    ...task,
    config,
    time,
    came() {
      if (++came % reportEach === 0) port.postMessage({ came: reportEach } satisfies Told)
    },
  })
  port.postMessage({ came: came % reportEach } satisfies Told)
  port.postMessage({ figures } satisfies Told)
}

await work(workerData as Task)
