/**
 * What an application does without a gateway, as mail libraries that fail over do it: each message goes to one transport after the
 * other until one takes it, with a timeout, from a pool of workers. Any error means the next; nothing is remembered between two
 * messages, and what nobody took after three rounds is an error for whoever sends it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createTransport } from 'nodemailer'
import type { Providers } from './failing.ts'

/** What is sent; the recipient tells one from another. */
export const letter = { from: 'me@example.com', subject: 'Your order', text: 'It is on its way.\n'.repeat(50) }

const workers = 50
const rounds = 3
const betweenRounds = 1_000

type Transport = (to: string) => Promise<unknown>

/** Sends one message; others wait while all workers are busy. */
export function loop(providers: Providers, timeout: number): (to: string) => Promise<void> {
  const transports = Object.values(providers).map((provider) => transport(provider, timeout))
  let free = workers
  const waiting: (() => void)[] = []
  return async (to) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => void waiting.push(resolve))
    try {
      await sendBy(transports, to)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

async function sendBy(transports: readonly Transport[], to: string): Promise<void> {
  let last: unknown
  for (let round = 1; round <= rounds; round++) {
    for (const send of transports) {
      try {
        await send(to)
        return
      } catch (error) {
        last = error
      }
    }
    if (round < rounds) await pause(betweenRounds)
  }
  throw last
}

function transport({ adapter, ...settings }: Providers[string], timeout: number): Transport {
  const { from, subject, text } = letter
  switch (adapter) {
    case 'resend':
      return post(`${settings.baseUrl}/emails`, timeout, { authorization: `Bearer ${settings.apiKey}` }, (to) => ({
        from,
        to,
        subject,
        text,
      }))
    case 'postmark':
      return post(
        `${settings.baseUrl}/email`,
        timeout,
        { accept: 'application/json', 'x-postmark-server-token': String(settings.serverToken) },
        (to) => ({ From: from, To: to, Subject: subject, TextBody: text }),
      )
    default: {
      const relay = createTransport({
        host: '127.0.0.1',
        port: settings.port!,
        secure: false,
        ignoreTLS: true,
        pool: true,
        maxConnections: 10,
        maxMessages: Number.POSITIVE_INFINITY,
        connectionTimeout: timeout,
        greetingTimeout: timeout,
        socketTimeout: timeout,
      })
      return (to) => relay.sendMail({ from, to, subject, text })
    }
  }
}

function post(
  url: string,
  timeout: number,
  headers: Record<string, string>,
  mail: (to: string) => Record<string, unknown>,
): Transport {
  return async (to) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'loop', ...headers },
      body: JSON.stringify(mail(to)),
      signal: AbortSignal.timeout(timeout),
    })
    const answer = await response.json()
    if (!response.ok) throw new Error(JSON.stringify(answer))
  }
}
