/**
 * An SMTP server that does what it is told: takes mail and records it, or answers anything, breaks off, or falls silent at any
 * point. Hand-written, for no proper server misbehaves on demand.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Where in the conversation a move is made. `body`: the first bytes after 354. `dot`: all of it came, the answer is due. */
export type Moment =
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body'
  | 'dot'
  | 'rset'
  | 'quit'

/** What to say instead of the usual (CRLF added unless `raw`), and what to do after saying it. */
export interface Move {
  say?: string
  raw?: boolean
  /** Milliseconds before it is said. */
  after?: number
  next?: 'close' | 'reset' | 'silence'
}

/** A string is a reply. Undefined: as usual. */
export type Answer = string | Move | undefined

export interface FakeMxOptions {
  /** EHLO keywords; by default PIPELINING, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES and SIZE. */
  offers?: string[]
  on?: { [moment in Moment]?: Answer | ((line: string, session: FakeSession) => Answer) }
  /** Offers STARTTLS; with `implicit`, TLS from the first byte. */
  tls?: { key: string; cert: string; implicit?: boolean }
  host?: string
  port?: number
}

export interface FakeSession {
  /** From 1, in the order of connecting. */
  number: number
  secure: boolean
  user: string | null
  /** Commands as they came. */
  lines: string[]
}

export interface Received {
  session: number
  secure: boolean
  from: string
  to: string[]
  /** The whole MAIL and RCPT lines. */
  mail: string
  rcpt: string[]
  /** Dot-stuffing undone, the dot itself left out. */
  raw: Buffer
  /** The reply that was given, or null when none was (whole). */
  reply: string | null
}

export interface FakeMx {
  port: number
  /** Bodies that came with their dot, whatever was answered. */
  received: Received[]
  sessions: FakeSession[]
  /** Resolves when `condition` holds; looked at after everything that comes in. */
  until(condition: (mx: FakeMx) => boolean): Promise<void>
  /** Connections open now. */
  open(): number
  /** Breaks every open connection. */
  drop(): void
  close(): Promise<void>
}

const usual = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES', 'SIZE 52428800']

export async function fakeMx(options: FakeMxOptions = {}): Promise<FakeMx> {
  const sockets = new Set<Socket>()
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of [...watchers]) watcher()
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      changed()
    })
    const session: FakeSession = { number: mx.sessions.length + 1, secure: false, user: null, lines: [] }
    mx.sessions.push(session)
    converse(socket, session, options, mx.received, changed)
    changed()
  })
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  await once(server, 'listening')
  const mx: FakeMx = {
    port: (server.address() as AddressInfo).port,
    received: [],
    sessions: [],
    until: (condition) =>
      new Promise((resolve) => {
        const look = () => {
          if (!condition(mx)) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    open: () => sockets.size,
    drop: () => {
      for (const socket of sockets) socket.destroy()
    },
    close: async () => {
      server.close()
      mx.drop()
      await once(server, 'close')
    },
  }
  return mx
}

function converse(
  plain: Socket,
  session: FakeSession,
  options: FakeMxOptions,
  received: Received[],
  changed: () => void,
) {
  let socket = plain
  let buffer: Buffer = Buffer.alloc(0)
  let mode = 'commands' as 'commands' | 'body' | 'deaf'
  let authStep: 'user' | 'pass' | null = null
  let envelope = { from: '', to: [] as string[], mail: '', rcpt: [] as string[] }

  const deaf = () => mode === 'deaf'

  /** Makes the move told for this moment, or says the usual. Answers what was said whole, null when it was not. */
  function at(moment: Moment, line: string, usually: string): string | null {
    const told = options.on?.[moment]
    const answer = typeof told === 'function' ? told(line, session) : told
    const move: Move = answer === undefined ? { say: usually } : typeof answer === 'string' ? { say: answer } : answer
    const bytes = move.say === undefined ? '' : move.raw ? move.say : `${move.say}\r\n`
    const finish = () => {
      if (move.next === 'close') socket.end()
      if (move.next === 'reset') plain.resetAndDestroy()
    }
    if (move.next !== undefined) mode = 'deaf'
    const speak = () => (bytes ? void socket.write(bytes, 'latin1', finish) : finish())
    if (move.after === undefined) speak()
    else setTimeout(speak, move.after)
    return move.say !== undefined && !move.raw ? move.say : null
  }

  function upgrade(): void {
    const { key, cert } = options.tls!
    plain.removeAllListeners('data')
    const secure = new TLSSocket(plain, { isServer: true, key, cert })
    secure.on('error', () => undefined)
    session.secure = true
    buffer = Buffer.alloc(0)
    socket = secure
    secure.on('data', listen)
  }

  function command(line: string): void {
    session.lines.push(line)
    if (authStep) {
      auth(line)
      return
    }
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO' || verb === 'HELO') {
      const keywords = [...(options.offers ?? usual), ...(options.tls && !session.secure ? ['STARTTLS'] : [])]
      const lines = ['fake.test', ...keywords]
      at('ehlo', line, lines.map((text, place) => `250${place === lines.length - 1 ? ' ' : '-'}${text}`).join('\r\n'))
    } else if (verb === 'STAR') {
      const said = at('starttls', line, options.tls ? '220 2.0.0 go ahead' : '502 5.5.1 not here')
      if (said?.startsWith('220') && options.tls && !deaf()) upgrade()
    } else if (verb === 'AUTH') {
      const [, mechanism = '', initial] = line.split(' ')
      if (mechanism.toUpperCase() === 'LOGIN' && initial === undefined) {
        authStep = 'user'
        socket.write('334 VXNlcm5hbWU6\r\n')
        return
      }
      session.user =
        Buffer.from(initial ?? '', 'base64')
          .toString()
          .split('\0')[1] ?? ''
      at('auth', line, '235 2.7.0 welcome')
    } else if (verb === 'MAIL') {
      envelope = { from: address(line), to: [], mail: line, rcpt: [] }
      at('mail', line, '250 2.1.0 ok')
    } else if (verb === 'RCPT') {
      if (at('rcpt', line, '250 2.1.5 ok')?.startsWith('25')) {
        envelope.to.push(address(line))
        envelope.rcpt.push(line)
      }
    } else if (verb === 'DATA') {
      const usually = envelope.to.length > 0 ? '354 go ahead' : '554 5.5.1 no valid recipients'
      if (at('data', line, usually)?.startsWith('354') && mode !== 'deaf') mode = 'body'
    } else if (verb === 'RSET') {
      envelope = { from: '', to: [], mail: '', rcpt: [] }
      at('rset', line, '250 2.0.0 ok')
    } else if (verb === 'QUIT') {
      at('quit', line, '221 2.0.0 bye')
      socket.end()
    } else socket.write('500 5.5.1 what?\r\n')
  }

  function auth(line: string): void {
    const value = Buffer.from(line, 'base64').toString()
    if (authStep === 'user') {
      session.user = value
      authStep = 'pass'
      socket.write('334 UGFzc3dvcmQ6\r\n')
      return
    }
    authStep = null
    at('auth', line, '235 2.7.0 welcome')
  }

  function body(): boolean {
    // Told nothing for this moment, the server just reads on.
    if (options.on?.body !== undefined && buffer.length > 0) {
      at('body', '', '')
      if (deaf()) return false
    }
    const end = buffer.subarray(0, 3).equals(Buffer.from('.\r\n')) ? 0 : buffer.indexOf('\r\n.\r\n') + 2
    if (end === 1) return false
    const wire = buffer.subarray(0, end)
    buffer = buffer.subarray(end + 3)
    mode = 'commands'
    const raw = Buffer.from(wire.toString('latin1').replace(/(^|\r\n)\.\./g, '$1.'), 'latin1')
    const mail: Received = { session: session.number, secure: session.secure, ...envelope, raw, reply: null }
    received.push(mail)
    mail.reply = at('dot', '', `250 2.0.0 Ok: queued as FAKE${received.length}`)
    return true
  }

  function listen(chunk: Buffer): void {
    if (deaf()) return
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
    for (;;) {
      if (deaf()) break
      if (mode === 'body') {
        if (!body()) break
        continue
      }
      const end = buffer.indexOf('\r\n')
      if (end < 0) break
      const line = buffer.subarray(0, end).toString('utf8')
      buffer = buffer.subarray(end + 2)
      command(line)
    }
    changed()
  }

  function begin(): void {
    socket.on('data', listen)
    at('greeting', '', '220 fake.test ESMTP')
  }
  if (options.tls?.implicit) {
    upgrade()
    socket.removeAllListeners('data')
  }
  begin()
}

function address(line: string): string {
  return /<([^>]*)>/.exec(line)?.[1] ?? ''
}
