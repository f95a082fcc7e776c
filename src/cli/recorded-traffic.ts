/** The traffic on record: read from the store where no gateway has it open, and from the gateway where one has. */
import { resolve } from 'node:path'
import { Recorded } from '../simulate/recorded.ts'
import { openToRead } from '../store/sqlite-open.ts'
import { traffic } from '../store/sqlite-traffic.ts'
import type { TrafficRow } from '../store/store.ts'
import { type Gateway, get } from './api.ts'
import { Failure } from './failure.ts'

export interface WhichTraffic {
  /** Epoch milliseconds: accepted from then on, and before. */
  since?: number | undefined
  until?: number | undefined
}

const pageSize = 1_000

/**
 * @param store the store of the present config
 * @param gateway asked when the store is in use, or when it was named
 * @param read told how many messages were read so far
 * @returns the record, and where it was found, in words
 */
export async function recordedTraffic(
  store: string,
  gateway: Gateway & { named: boolean },
  which: WhichTraffic,
  read: (messages: number) => void,
): Promise<{ recorded: Recorded; where: string }> {
  const path = resolve(store)
  const file = gateway.named ? null : openStore(path)
  const recorded = new Recorded()
  let count = 0
  const take = (rows: readonly TrafficRow[]) => {
    for (const row of rows) recorded.add(row)
    count += rows.length
    read(count)
  }
  if (file) {
    try {
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = traffic(file, { tenant: null, limit: pageSize, ...present({ ...which, cursor }) })
        take(page.rows)
        cursor = page.next
      }
    } finally {
      file.close()
    }
  } else {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = new URLSearchParams({ limit: String(pageSize) })
      for (const end of ['since', 'until'] as const)
        if (which[end] !== undefined) query.set(end, new Date(which[end]).toISOString())
      if (cursor !== '') query.set('cursor', cursor)
      const page: { traffic: TrafficRow[]; next: string | null } = await get(gateway, '/v1/traffic', query)
      take(page.traffic)
      cursor = page.next
    }
  }
  recorded.end()
  return { recorded, where: file ? path : gateway.url }
}

function openStore(path: string) {
  try {
    return openToRead(path)
  } catch (error) {
    throw new Failure(`${(error as Error).message}. Make traffic up with --messages, or ask a gateway with --url.`)
  }
}

function present({ since, until, cursor }: WhichTraffic & { cursor: string | undefined }) {
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(cursor === undefined ? {} : { cursor }),
  }
}
