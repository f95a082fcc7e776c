/** How long one message waits: alone, behind a relay that crawls, behind a flood. */
import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from '../../src/cli/load/tally.ts'
import { relayTo, vendorAt } from './gateway.ts'
import { now } from './helper.ts'
import { message } from './loader.ts'
import type { Amounts, Measure, Road } from './road.ts'
import { type Sink, startSink, watched } from './sink.ts'
import { loaded } from './throughput.ts'

const ms: Measure = { unit: 'ms', better: 'less' }
const share: Measure = { unit: '%', better: 'more', target: '50' }

/** Milliseconds that the slow ones think about each message. */
const crawling = 1_000

export function waits(amounts: Amounts): Road[] {
  return [idle, crawl(amounts), otp(amounts)]
}

const idle: Road = {
  name: 'idle',
  about: 'one message at a time: from its 202 to the request that leaves',
  measures: { p50: { ...ms, target: '5' }, p99: { ...ms, target: '20' } },
  systems: {
    waypost: async () => {
      const sink = await startSink({ kind: 'http' })
      try {
        return await loaded(vendorAt(sink.port), async ({ url }) => {
          await hops(url, sink, 100)
          const times = await hops(url, sink, 300)
          return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
        })
      } finally {
        sink.stop()
      }
    },
  },
}

/** Sends so many mails, each once the one before is through; how long each took from 202 to the sink, ascending. */
async function hops(url: string, sink: Sink, count: number, type?: string): Promise<Float64Array> {
  const body = JSON.stringify({ ...message, subject: watched, type })
  const headers = { 'content-type': 'application/json' }
  const times = new Float64Array(count)
  for (const number of times.keys()) {
    const { status } = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body })
    const answered = now()
    if (status !== 202) throw new Error(`a mail was answered with ${status}`)
    // It may have left before we could read that it was accepted.
    times[number] = Math.max(0, (await sink.saw()) - answered)
    // Until what follows an answer is over too.
    await pause(20)
  }
  return times.sort()
}

function crawl(amounts: Amounts): Road {
  const messages = Math.min(amounts.messages, 5_000)
  return {
    name: 'crawl',
    about: `250 and 202 while a relay takes ${crawling / 1000} s for each message and ${amounts.waiting} wait`,
    measures: {
      'p99 of 202': { ...ms, target: '100' },
      'p99 of 250': { ...ms, target: '100' },
      'HTTP rate, of that with nothing waiting': share,
      'SMTP rate, of that with nothing waiting': share,
    },
    systems: {
      waypost: async () => {
        const sink = await startSink({ kind: 'smtp', delay: crawling })
        try {
          return await loaded(relayTo(sink.port), async ({ url, smtpPort: port }, loader) => {
            const http = (count: number) => loader.load({ kind: 'http', url, messages: count })
            const smtp = (count: number) => loader.load({ kind: 'smtp', port, reconnect: false, messages: count })
            await http(messages / 2)
            await smtp(messages / 2)
            const before = { http: await http(messages), smtp: await smtp(messages) }
            await http(amounts.waiting)
            const after = { http: await http(messages), smtp: await smtp(messages) }
            return {
              'p99 of 202': after.http.p99,
              'p99 of 250': after.smtp.p99,
              'HTTP rate, of that with nothing waiting': (after.http.perSecond / before.http.perSecond) * 100,
              'SMTP rate, of that with nothing waiting': (after.smtp.perSecond / before.smtp.perSecond) * 100,
            }
          })
        } finally {
          sink.stop()
        }
      },
    },
  }
}

function otp(amounts: Amounts): Road {
  return {
    name: 'otp',
    about: `a code behind ${amounts.waiting} marketing mails at a vendor that takes ${crawling / 1000} s: 202 to first attempt`,
    measures: { p50: ms, worst: { ...ms, target: '100' } },
    systems: {
      waypost: async () => {
        const sink = await startSink({ kind: 'http', delay: crawling })
        try {
          return await loaded(vendorAt(sink.port), async ({ url }, loader) => {
            await loader.load({ kind: 'http', url, type: 'marketing', messages: amounts.waiting })
            const times = await hops(url, sink, 50, 'otp')
            return { p50: quantile(times, 0.5), worst: times.at(-1)! }
          })
        } finally {
          sink.stop()
        }
      },
    },
  }
}
