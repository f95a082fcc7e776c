/** The far ends and the customers of a gateway that is to be hurt: each writes down what it saw. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fakeMx } from '../support/fake-mx.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { SmtpClient } from '../support/smtp-client.ts'
import { eventually, newFolder, remove, type Waypost } from '../support/waypost.ts'
import { History, type Line } from './history.ts'

/** The ways in, the ways out, and the types of mail with what they say to do when no answer comes back. */
export const waysIn = ['http', 'smtp'] as const
export const waysOut = ['relay', 'vendor'] as const
const types = { otp: 'failover', transactional: 'reconcile', marketing: 'hold' } as const

interface Mail {
  to: string
  type: keyof typeof types
}
/** What a client was told. */
type Said = { what: 'ok'; id: string } | { what: 'fail' | 'info'; why: string }

/** What mail a load is made of; every one of these by default. */
export interface Mix {
  in?: readonly (typeof waysIn)[number][]
  out?: readonly (typeof waysOut)[number][]
  types?: readonly (keyof typeof types)[]
  clients?: number
}

export interface Load {
  acknowledged(): number
  /** No client starts anything new; resolves when each has heard an answer. */
  stop(): Promise<void>
}

export interface World {
  /** Of the store, the config and the history; removed when the world is closed. */
  folder: string
  history: History
  /** An SMTP relay, and an HTTP vendor that honours keys; no type goes before another, so that a kill meets all of them. */
  config: string
  /** Clients hand mail in, one after the other, to whichever gateway is there; those by SMTP keep their connections. */
  load(gateway: () => Promise<Waypost>, random: () => number, mix?: Mix): Load
  /** Waits until the gateway has done all it can, then asks it what became of what did not simply arrive. */
  drain(gateway: Waypost): Promise<void>
  close(): Promise<void>
}

export async function newWorld(): Promise<World> {
  const folder = newFolder()
  const history = new History(join(folder, 'history.jsonl'))
  const relay = await fakeMx({
    on: {
      dot: () => {
        // Only the history remembers: runs are long.
        const [mail] = relay.received.splice(0)
        history.write({ what: 'delivered', key: mail!.to[0]!, sink: 'relay', honoursKeys: false })
        return undefined
      },
    },
  })
  const vendor = await fakeResend({
    took({ recipients: [to] }) {
      vendor.taken.length = 0
      history.write({ what: 'delivered', key: to!, sink: 'vendor', honoursKeys: true })
    },
    again({ body }) {
      const [to] = mailboxes(JSON.parse(body.toString()).to)
      history.write({ what: 'recognised', key: to!, sink: 'vendor' })
    },
  })
  let mails = 0
  return {
    folder,
    history,
    config: `
retry: { first: 50ms, max: 200ms }
types: { otp: { expire: 1d, priority: normal }, marketing: { priority: normal } }
providers:
  relay: { adapter: smtp, host: 127.0.0.1, port: ${relay.port}, tls: none, breaker: { failures: 1000 } }
  vendor: { adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", breaker: { failures: 1000 } }
routes:
  - { name: vendor, when: { recipient.domain: vendor.example.org }, use: vendor }
  - { name: relay, use: relay }
`,
    load: (gateway, random, { out = waysOut, ...mix } = {}) =>
      customers(history, gateway, random, {
        ...mix,
        address: () => `p${mails++}@${out[Math.floor(random() * out.length)]}.example.org`,
      }),
    async drain(gateway) {
      const none = async (query: string) =>
        (await gateway.get(`/v1/messages?limit=1&${query}`)).body.messages.length === 0
      // What is held for a vendor that honours keys is being asked about.
      const done = async () =>
        (await none('status=queued')) && (await none('status=sending')) && none('status=held&provider=vendor')
      // However much waits: as long as some of it arrives, it comes to its end. A vendor is asked again after two minutes at most.
      for (let seen = -1; !(await done()); ) {
        await eventually(async () => history.length > seen || done(), 'something arrives', 150_000)
        seen = history.length
      }
      await askAll(gateway, history)
    },
    async close() {
      await Promise.all([relay.close(), vendor.close()])
      remove(folder)
    },
  }
}

/** Clients that hand mail in, each message to an address of its own. @param mix `pace`: milliseconds between two mails of a client */
export function customers(
  history: History,
  gateway: () => Promise<Waypost>,
  random: () => number,
  {
    in: ins = waysIn,
    types: kinds = all(types),
    clients = 8,
    address,
    pace = 0,
  }: Omit<Mix, 'out'> & { address: () => string; pace?: number },
): Load {
  let acknowledged = 0
  let stopping = false
  const client = async (hand: (mail: Mail) => Promise<Said>) => {
    while (!stopping) {
      await gateway()
      const mail: Mail = { to: address(), type: kinds[Math.floor(random() * kinds.length)]! }
      history.write({ what: 'invoke', key: mail.to, unknown: types[mail.type] })
      const said = await hand(mail).catch((error): Said => ({ what: 'info', why: String(error) }))
      history.write({ ...said, key: mail.to } as Line)
      if (said.what === 'ok') acknowledged++
      else await pause(5)
      if (pace > 0) await pause(pace)
    }
  }
  const done = Promise.all(
    Array.from({ length: clients }, (_, at) =>
      client(ins[at % ins.length] === 'http' ? byHttp(gateway) : bySmtp(gateway)),
    ),
  )
  return {
    acknowledged: () => acknowledged,
    async stop() {
      stopping = true
      await done
    },
  }
}

const all = <T extends object>(from: T) => Object.keys(from) as (keyof T)[]

function byHttp(gateway: () => Promise<Waypost>) {
  return async ({ to, type }: Mail): Promise<Said> => {
    const mail = { from: 'me@example.com', to, type, subject: to, text: 'Code 1234.' }
    const { status, body } = await (await gateway()).post('/v1/messages', mail)
    // 500 is a bug of ours, which may have struck before the commit or after it.
    return status === 202
      ? { what: 'ok', id: body.id }
      : { what: status === 500 ? 'info' : 'fail', why: String(status) }
  }
}

function bySmtp(gateway: () => Promise<Waypost>) {
  let kept: { to: Waypost; client: SmtpClient } | null = null
  return async ({ to, type }: Mail): Promise<Said> => {
    const now = await gateway()
    if (kept?.to !== now) kept = { to: now, client: await SmtpClient.hello(now.smtpPort) }
    const { client } = kept
    const letter = `From: me@example.com\r\nTo: ${to}\r\nSubject: ${to}\r\nX-Waypost-Type: ${type}\r\n\r\nCode 1234.\r\n`
    const reply = await client.send(letter, 'me@example.com', [to])
    if (reply.startsWith('250')) return { what: 'ok', id: /msg_\w+/.exec(reply)![0] }
    client.end()
    kept = null
    return { what: reply === '' ? 'info' : 'fail', why: reply }
  }
}

/** Asks after what the gateway says was not sent, and what arrived more than once. */
export async function askAll(gateway: Waypost, history: History): Promise<void> {
  const told = (key: string, status: string, attempts: { outcome: string }[] = []) =>
    history.write({
      what: 'told',
      key,
      status,
      unknowns: attempts.filter(({ outcome }) => outcome === 'unknown').length,
    })
  for (const status of ['held', 'failed', 'canceled', 'partial']) {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await gateway.get(`/v1/messages?limit=200&status=${status}${cursor && `&cursor=${cursor}`}`)
      for (const { recipients } of page.body.messages) for (const { email, status } of recipients) told(email, status)
      cursor = page.body.next
    }
  }
  const copies = new Map<string, number>()
  const ids = new Map<string, string>()
  for (const line of history.lines()) {
    if (line.what === 'delivered') copies.set(line.key, (copies.get(line.key) ?? 0) + 1)
    if (line.what === 'ok') ids.set(line.key, line.id)
  }
  for (const [key, count] of copies) {
    if (count === 1) continue
    // Who never heard its id finds it by its recipient.
    const id = ids.get(key) ?? (await gateway.get(`/v1/messages?recipient=${key}`)).body.messages[0].id
    const [recipient] = (await gateway.get(`/v1/messages/${id}`)).body.recipients
    told(key, recipient.status, recipient.attempts)
  }
}
