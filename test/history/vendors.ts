/** Three vendors that can be made to fail, each in a way that is drawn for it: one honours keys, one can be searched, one is a relay. */
import { type FakeMx, fakeMx, type Move } from '../support/fake-mx.ts'
import { mailboxes } from '../support/fake-vendors/mailboxes.ts'
import { fakePostmark, postmarkToken } from '../support/fake-vendors/postmark.ts'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { type Asked, type Behaviour, type FakeVendor, json, type Reply } from '../support/fake-vendors/vendor.ts'
import type { Line } from './history.ts'

/** Where they write down what they have; a history, as a rule. */
type Notes = { write(line: Line): void }

/**
 * How a vendor is, for a while. `silent`: it never answers. `lying`: it says of every recipient that there is no such mailbox.
 * `losing`: it takes mail, and its answer does not come through.
 */
export const moods = ['well', 'down', 'silent', 'slow', 'flapping', 'lying', 'throttling', 'losing'] as const
export type Mood = (typeof moods)[number]

export interface Moody {
  name: string
  mood: Mood
  /** For a config, without its common settings. */
  provider: { adapter: string; baseUrl?: string; port?: number; [setting: string]: unknown }
  /** When calls that hand over mail came (and connections that were turned away), by the wall clock. */
  calls: number[]
  close(): Promise<void>
}

/** @param random draws what becomes of each call */
export async function moodyVendors(history: Notes, random: () => number): Promise<Moody[]> {
  return Promise.all([
    byHttp(history, random, { name: 'keyed', vendor: await fakeResend(), path: '/emails', honoursKeys: true }),
    byHttp(history, random, { name: 'searched', vendor: await fakePostmark(), path: '/email', honoursKeys: false }),
    bySmtp(history, random),
  ])
}

interface Desk {
  name: string
  vendor: FakeVendor
  /** Where mail is handed over. */
  path: string
  honoursKeys: boolean
}

async function byHttp(history: Notes, random: () => number, desk: Desk): Promise<Moody> {
  const { name, vendor, path, honoursKeys } = desk
  const baseUrl = vendor.url
  const moody: Moody = {
    name,
    mood: 'well',
    provider: honoursKeys
      ? { adapter: 'resend', apiKey: resendKey, baseUrl }
      : { adapter: 'postmark', serverToken: postmarkToken, baseUrl },
    calls: [],
    close: () => vendor.close(),
  }
  vendor.depending((asked, mail) => {
    const handsOver = asked.path === path
    if (handsOver) moody.calls.push(Date.now())
    const wrong = behaviour(moody.mood, random, honoursKeys)
    const key = mail?.recipients[0]
    if (key !== undefined && (wrong === null || wrong.taken)) {
      const unheard = wrong !== null && !('after' in wrong)
      history.write({ what: 'delivered', key, sink: name, honoursKeys, unheard })
    }
    if (handsOver && mail === null) again(history, name, asked)
    return wrong
  })
  return moody
}

/** It has this mail by its key, or refuses it. */
function again(history: Notes, sink: string, { body }: Asked): void {
  const [key] = mailboxes(JSON.parse(body.toString()).to)
  if (key !== undefined) history.write({ what: 'recognised', key, sink })
}

const page = (status: number): Reply => ({ status, headers: { 'content-type': 'text/html' }, body: '<h1>Oops</h1>' })
const nobody = {
  keyed: json(422, { statusCode: 422, name: 'validation_error', message: 'Invalid `to` field.' }),
  searched: json(422, {
    ErrorCode: 406,
    Message: 'You tried to send to a recipient that has been marked as inactive.',
  }),
}
const tooMany = {
  keyed: json(429, { statusCode: 429, name: 'rate_limit_exceeded', message: 'Too many.' }, { 'retry-after': '1' }),
  searched: json(429, { ErrorCode: 429, Message: 'Too many.' }, { 'retry-after': '1' }),
}

/** What becomes of one call by HTTP. */
function behaviour(mood: Mood, random: () => number, keyed: boolean): Behaviour | null {
  const draw = random()
  const which = keyed ? 'keyed' : 'searched'
  switch (mood) {
    case 'well':
      return null
    case 'flapping':
    case 'down':
      if (mood === 'flapping' && draw < 0.5) return null
      if (draw < 0.8) return { reply: page(503) }
      return draw < 0.9 ? { reply: page(502) } : { reset: 'after-body' }
    case 'silent':
      return { hang: true }
    case 'slow':
      return draw < 0.8 ? { after: 400 * draw, taken: true } : { hang: true, taken: draw < 0.9 }
    case 'lying':
      return { reply: nobody[which] }
    case 'throttling':
      return draw < 0.3 ? null : { reply: tooMany[which] }
    case 'losing':
      if (draw < 0.4) return { reset: 'after-body', taken: draw < 0.3 }
      if (draw < 0.6) return { reset: 'mid-answer', taken: true }
      return draw < 0.7 ? { reply: page(200), taken: true } : null
  }
}

async function bySmtp(history: Notes, random: () => number): Promise<Moody> {
  const closing = (say: string): Move => ({ say, next: 'close' })
  const fails = () => relay.mood === 'down' || (relay.mood === 'flapping' && random() < 0.5)
  const server: FakeMx = await fakeMx({
    on: {
      greeting: () => {
        if (relay.mood !== 'down' && relay.mood !== 'silent') return undefined
        relay.calls.push(Date.now())
        return relay.mood === 'down' ? closing('421 4.3.2 down') : { next: 'silence' }
      },
      mail: () => {
        relay.calls.push(Date.now())
        if (relay.mood === 'silent') return { next: 'silence' }
        if (fails()) return closing('421 4.3.2 going down')
        return relay.mood === 'throttling' && random() > 0.3 ? '450 4.7.1 too many messages' : undefined
      },
      rcpt: () => (relay.mood === 'lying' ? '550 5.1.1 no such user' : undefined),
      dot: () => {
        // Only the history remembers.
        const [mail] = server.received.splice(0)
        const draw = random()
        const lost = (relay.mood === 'losing' && draw < 0.6) || (relay.mood === 'slow' && draw < 0.2)
        if (lost && draw < 0.1) return { next: 'reset' }
        history.write({
          what: 'delivered',
          key: mail!.to[0]!,
          sink: 'relay',
          honoursKeys: false,
          unheard: lost,
        })
        if (!lost) return undefined
        return relay.mood === 'slow' ? { next: 'silence' } : { next: 'reset' }
      },
    },
  })
  const relay: Moody = {
    name: 'relay',
    mood: 'well',
    provider: { adapter: 'smtp', host: '127.0.0.1', port: server.port, tls: 'none', connections: 10 },
    calls: [],
    close: () => server.close(),
  }
  return relay
}
