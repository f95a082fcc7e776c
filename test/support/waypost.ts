/** A whole gateway for a journey: real config, real store, real sockets, in this process or in one of its own that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import type { Fetch } from '../../src/mail/fetch.ts'
import { start } from '../../src/node.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any
}

export interface Waypost {
  url: string
  smtpPort: number
  /** The folder of config and store. */
  folder: string
  /** Everything logged so far, one JSON line each. */
  log: string[]
  get(path: string): Promise<Answer>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  /** Sends one message and answers its id. Fails the test when it is not taken. */
  send(message: Record<string, unknown>, headers?: Record<string, string>): Promise<string>
  /** Resolves with the message once every recipient has one of these statuses. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  until(id: string, ...statuses: string[]): Promise<any>
  /** Overwrites the config, as an editor would. */
  configure(yaml: string): void
  stop(): Promise<void>
}

/** How long a journey waits for what must happen; only a failure ever takes this long. */
const patience = 20_000

const listeners = `
http: { listen: "127.0.0.1:0" }
smtp: { listen: "127.0.0.1:0" }
`

const storeLine = (folder: string) => `store: "sqlite:${join(folder, 'waypost.db')}"\n`

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'waypost-'))
}

/** Writes a config with free ports and a store in the folder; `yaml` holds the rest. */
function write(folder: string, yaml: string): string {
  const file = join(folder, 'waypost.yaml')
  const http = /^http:/m.test(yaml) ? '' : listeners
  // In one step, as most editors do: nobody reads half of it.
  writeFileSync(`${file}.new`, http + storeLine(folder) + yaml)
  renameSync(`${file}.new`, file)
  return file
}

/**
 * Starts a gateway in this process.
 * @param folder of an earlier one, to go on where that was
 * @param fetch gives it vendors' certificates
 */
export async function waypost(yaml: string, folder = newFolder(), fetch?: Fetch): Promise<Waypost> {
  const log: string[] = []
  const configFile = write(folder, yaml)
  const running = await start({
    configFile,
    log: pino({}, { write: (line: string) => void log.push(line) }),
    ...(fetch ? { fetch } : {}),
  })
  return {
    ...client(running.http, folder),
    smtpPort: Number(running.smtp.split(':').at(-1)),
    log,
    configure: (changed) => void write(folder, changed),
    stop: () => running.stop(),
  }
}

export interface WaypostProcess extends Waypost {
  process: ChildProcess
  /** Kills it as the kernel would (SIGKILL) and waits until it is gone. */
  kill(): Promise<void>
}

/** What makes a process of a gateway unlike a user's: a module that is loaded before it, and variables for that. */
export interface Preload {
  /** A file in `test/support/preload`. */
  preload: string
  env: Record<string, string>
}

/** Starts a gateway as a user would, in a process of its own. */
export async function waypostProcess(yaml: string, folder = newFolder(), more?: Preload): Promise<WaypostProcess> {
  const configFile = write(folder, yaml)
  const before = more ? ['--import', new URL(`preload/${more.preload}`, import.meta.url).href] : []
  const child = spawn(process.execPath, [...before, 'src/waypost.js', 'serve', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...more?.env },
  })
  const gone = once(child, 'exit')
  const log: string[] = []
  const told = Promise.withResolvers<void>()
  let http = ''
  let smtp = ''
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream! }).on('line', (line) => {
      log.push(line)
      http = line.match(/^\s*HTTP\s+(http\S+)/)?.[1] ?? http
      smtp = line.match(/^\s*SMTP\s+(\S+)/)?.[1] ?? smtp
      if (line.includes('curl')) told.resolve()
    })
  }
  gone.then(([code]) => told.reject(new Error(`waypost ended with ${code}:\n${log.join('\n')}`)))
  await told.promise
  return {
    ...client(http, folder),
    smtpPort: Number(smtp.split(':').at(-1)),
    log,
    process: child,
    configure: (changed) => void write(folder, changed),
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    async stop() {
      child.kill('SIGTERM')
      await gone
    },
  }
}

/** Removes what a gateway left, after it has stopped. */
export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Looks again and again until something holds. Never decides a test by time: only a failure waits this long. */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  within = patience,
): Promise<T> {
  const deadline = performance.now() + within
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > deadline) throw new Error(`did not happen: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function client(url: string, folder: string): Pick<Waypost, 'url' | 'folder' | 'get' | 'post' | 'send' | 'until'> {
  const call = async (path: string, init?: RequestInit): Promise<Answer> => {
    const response = await fetch(url + path, init)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  const get = (path: string) => call(path)
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    })
  return {
    url,
    folder,
    get,
    post,
    async send(message, headers) {
      const answer = await post('/v1/messages', message, headers)
      if (answer.status !== 202) throw new Error(`not taken: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body.id
    },
    async until(id, ...statuses) {
      let seen: Answer | undefined
      return eventually(
        async () => {
          seen = await get(`/v1/messages/${id}`)
          const recipients: { status: string }[] = seen.body.recipients ?? []
          return recipients.every(({ status }) => statuses.includes(status)) && seen.body
        },
        `${id} becomes ${statuses.join(' or ')}`,
      ).catch((error) => {
        throw new Error(`${error.message}; it is ${JSON.stringify(seen?.body, null, 1)}`)
      })
    },
  }
}

/** Runs a story with a gateway and cleans up behind it, however the story ends. */
export async function withWaypost(
  yaml: string,
  story: (gateway: Waypost) => Promise<void>,
  fetch?: Fetch,
): Promise<void> {
  const gateway = await waypost(yaml, undefined, fetch)
  try {
    await story(gateway)
  } finally {
    await gateway.stop()
    remove(gateway.folder)
  }
}
