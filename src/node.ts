/** The edge for one machine: node:sqlite, HTTP and SMTP listeners, the clock, signals and the config file. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { uptime } from 'node:os'
import { resolve } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { authenticate } from './accept/auth.ts'
import { findPolicy, keepPolicy } from './accept/policies.ts'
import { Refusal } from './accept/refusals.ts'
import { type Smtp, startSmtp } from './accept/smtp.ts'
import type { Foreign } from './accept/steering.ts'
import { openDoor } from './accept/submit.ts'
import { openAlarm } from './alarm.ts'
import { app } from './app.ts'
import { openClock } from './clock.ts'
import { engine } from './config/engine.ts'
import { loadConfig } from './config/file.ts'
import type { Config } from './config.ts'
import { dashboard } from './dashboard/pages.ts'
import { mailHeaders } from './dialects/mail-headers.ts'
import { createGateway } from './gateway.ts'
import { byMx, Hosts } from './hosts.ts'
import { Identities, type IdentityParts } from './identity.ts'
import { closeHttp, listenHttp, Unready, unlistenable, url } from './listen.ts'
import { createLog } from './log.ts'
import type { Fetch } from './mail/fetch.ts'
import type { Message } from './mail/message.ts'
import { openMarks } from './marks.ts'
import { forgetStart, holdYoungRoom } from './memory.ts'
import { createMetrics } from './metrics.ts'
import { mirrored } from './mirror.ts'
import { Moves } from './moves.ts'
import { outward } from './outward.ts'
import { Poison } from './queue/poison.ts'
import { type Pump, startPump } from './queue/pump.ts'
import { banner } from './ready.ts'
import { mailDns } from './send/dns.ts'
import { httpCarrier } from './send/http.ts'
import { findIdentity } from './send/identity.ts'
import { loadChecks } from './send/identity-dns.ts'
import { mxCarrier } from './send/mx.ts'
import { smtpCarrier } from './send/smtp.ts'
import { Standings } from './standing/standing.ts'
import { openSqlite } from './store/sqlite-node.ts'
import { type NewEvent, type Store, StoreUnavailable } from './store/store.ts'
import { openTakeover, warn } from './takeover.ts'
import { createInbound } from './track/inbound.ts'
import { movesIn, type Turn, turnsIn } from './turns.ts'
import { startUpkeep, type Upkeep } from './upkeep.ts'

/** Deliveries under way at once. With a vendor that takes 50 ms this is 4,000 a second. */
const concurrency = 200
/**
 * A claim is ours this long before its first attempt moves the lease: long enough for two hundred to wait for a slow relay. Nobody
 * waits for it to run out, for no other process has this store, and a new one voids the leases it finds.
 */
const lease = 30 * 60_000
/** How long a stop waits for what is in flight; with the time it takes to close everything it stays below 30 seconds. */
const stopWithin = 25_000
/** A stop does not wait for webhooks that are slow: they are told again, under the same id. */
const tellWithin = 5_000

export interface Running {
  /** Where it listens. */
  http: string
  smtp: string
  /** Resolves when the store has failed, which nothing mends but a new start: a flush that failed once cannot be believed again. */
  broken: Promise<StoreUnavailable>
  /** Stops accepting, finishes what is in flight (within 30 s), closes the store. */
  stop(): Promise<void>
}

/** `waypost serve`: runs until a signal says stop. @throws ConfigInvalid, Unready */
export async function serve({ configFile }: { configFile: string }): Promise<void> {
  const log = createLog()
  const running = await start({ configFile, log })
  console.log(banner(running))
  log.info({ http: running.http, smtp: running.smtp }, 'ready')
  forgetStart()
  holdYoungRoom()
  running.broken.then(async (error) => {
    log.fatal(
      { err: error },
      'the store has failed: stopping, so that whoever watches over this process starts it anew',
    )
    await running.stop().catch(() => {})
    process.exit(1)
  })
  let stopping = false
  const stop = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait: what is in flight stays in the store.
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping')
    running.stop().then(
      () => {
        log.info('stopped')
        process.exit(0)
      },
      (error) => {
        log.fatal({ err: error }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

interface Start {
  configFile: string
  log: Logger
  /** What vendors' certificates are fetched by, instead of the carrier. */
  fetch?: Fetch
}

/** Starts everything and answers once it takes mail. @throws ConfigInvalid, Unready */
export async function start({ configFile, log, fetch }: Start): Promise<Running> {
  const clock = openClock({ wall: () => Date.now(), monotonic: () => performance.now(), uptime }, (by) =>
    log.warn(
      { seconds: Math.round(by / 1000) },
      'the wall clock was set while we run: our time follows it slowly, so that nothing expires or waits by that; a restart takes it over at once',
    ),
  )
  const loaded = await loadConfig(configFile)
  let { config } = loaded
  const path = resolve(config.store.path)
  const opened = await openSqlite({ path }).catch((error: Error) => {
    throw new Unready(error.message)
  })
  /** Where mail could not be written, the pump finds out at once whether anything still can: its failure ends this process. */
  const checked = async <Result>(written: Promise<Result>): Promise<Result> => {
    try {
      return await written
    } catch (error) {
      if (error instanceof StoreUnavailable) pump?.wake()
      throw error
    }
  }
  /** What is done by hand is told like everything else. */
  const store: Store = {
    ...opened,
    accept: (...given) => checked(opened.accept(...given)),
    keep: (...given) => checked(opened.keep(...given)),
    async steer(id, tenant, what, now) {
      const changed = await opened.steer(id, tenant, what, now)
      if (changed) {
        log.info({ id, recipients: changed }, `message ${what} by hand`)
        if (what === 'cancel') metrics.canceled(changed)
        out.wake(tenant)
      }
      return changed
    },
    async addWebhook(webhook, secret, most) {
      const added = await opened.addWebhook(webhook, secret, most)
      if (added) log.info({ webhook: webhook.id, tenant: webhook.tenant }, 'webhook added')
      out.changed()
      return added
    },
    async removeWebhook(id, tenant) {
      const removed = await opened.removeWebhook(id, tenant)
      if (removed) log.info({ webhook: id, tenant }, 'webhook deleted')
      out.changed()
      return removed
    },
  }
  const marks = openMarks(`${path}-marks`)
  const poison = await Poison.open(store, marks)
  const hosts = new Hosts(byMx(mailDns({ servers: [], allowPrivate: true })), clock)
  const takeover = openTakeover({
    file: configFile,
    started: config,
    log,
    async use(next, by) {
      await standings.configure(next.providers, next)
      await moves.configure(next.policy)
      gateway.hasten()
      config = next
      await remember(config, by)
      await out.configure()
      pump?.wake()
    },
  })
  const metrics = createMetrics({
    depth: () => store.depth(),
    oldest: () => store.oldest(),
    unknowns: () => store.unknowns(),
    clock,
    providers: () => standings.views(),
    budgets: () => standings.spending.views(clock()),
    moves: () => moves.views(),
    configCurrent: () => takeover.problem() === null,
  })
  const alarm = openAlarm({
    log,
    clock,
    settings: () => config.alerts,
    unknowns: () => store.unknowns(),
    budgets: () => standings.spending.news(clock()),
    counted: metrics.alert,
  })
  const told = turnsIn(log)
  const turned: Turn = (provider, what, about) => {
    alarm.turned(provider, what, about)
    if (what === 'closed' || what === 'verified') gateway.hasten()
    told(provider, what, about)
  }
  const http = httpCarrier()
  const find: IdentityParts['find'] = (provider, domain) => findIdentity(provider, domain, http.fetch(10_000))
  const identities = new Identities({ store, clock, dice: Math.random, find, prepare: loadChecks, turned })
  const moves = await Moves.open({ store, clock, turned: movesIn(log, alarm) }, config.policy)
  const standings = await Standings.open(
    { store, clock, dice: Math.random, hosts, identities, turned, seen: moves.note, regex: engine },
    config.providers,
    config,
  )

  let stopping = false
  let upkeep: Upkeep | undefined
  let smtpAddress = ''
  const broken = Promise.withResolvers<StoreUnavailable>()
  const closed = (): Refusal | null => {
    if (stopping) return new Refusal('stopping', 'This gateway is stopping. Try again in a moment.', { retryAfter: 5 })
    if (upkeep?.diskFull())
      return new Refusal('full', 'The disk is nearly full. Nothing is taken in until there is room.', {
        retryAfter: 60,
      })
    return null
  }

  /** Mail is routed also where the policy cannot be kept. */
  const remember = ({ policy, rulesText }: Config, by: string) =>
    keepPolicy(store, { version: policy.version, at: clock(), by, rules: rulesText }).catch((error) =>
      log.error({ err: error, policy: policy.version }, 'the policy could not be kept'),
    )
  const report = (message: Pick<Message, 'id' | 'tenant'>, events: readonly NewEvent[]) => {
    metrics.events(events)
    out.wake(message.tenant)
    for (const { type, recipient, provider, providerMessageId, detail } of events) {
      log.info({ id: message.id, type, recipient, provider, providerMessageId, detail }, `message ${type}`)
    }
  }

  const smtp = smtpCarrier()
  const mx = mxCarrier()
  const foreign: Foreign = {
    words: mailHeaders,
    undone: (headers) => log.info({ headers }, 'mail asked in its headers for what is not done here'),
  }
  const dialects = async () => (await import('./dialects/index.ts')).dialects
  const out = outward({
    dialects,
    store,
    clock,
    dice: Math.random,
    counted: metrics.notices,
    log,
    config: () => config,
  })
  const wake = () => pump?.wake()
  const unmirrored = (error: unknown, { id }: Message) =>
    log.warn({ err: error, id }, 'a copy of a message could not be made')
  const gateway = createGateway({
    store,
    standings,
    moves,
    poison,
    carriers: { http, smtp, mx },
    clock,
    dice: Math.random,
    settled: report,
    attempted(provider, outcomes, latencyMs) {
      metrics.attempt(provider, outcomes, latencyMs)
      alarm.attempted(provider, outcomes)
    },
    perhapsTwice: (provider) => metrics.twice('possible', provider),
    stranded: alarm.stranded,
    bug: (error, message, provider) => log.error({ err: error, id: message.id, provider }, 'bug in a way out'),
    mirror: (...copied) => mirrored({ store, clock, wake, unmirrored }, ...copied),
    config: () => config,
    regex: engine,
    hostOf: (domain) => hosts.find(domain),
    wake,
  })
  const door = openDoor({
    rules: () => config,
    store,
    clock,
    closed,
    accepted: report,
    onward: { slot: (priority) => pump?.slot(priority) ?? null, wake: () => pump?.wake() },
  })
  const inbound = createInbound({
    store,
    clock,
    provider: (name) => standings.provider(name),
    blocks: (provider, recipient, words) => standings.blocks(provider, recipient, words),
    unsubscribes: (type) => config.types[type]?.unsubscribes === true,
    fetch: fetch ?? http.fetch(10_000),
    heard: report,
    news: (provider, news) => standings.heard(provider, news),
    duplicate: (provider) => metrics.twice('confirmed', provider),
    called(provider, what) {
      metrics.hook(provider, what)
      if ('refused' in what) log.warn({ provider, why: what.refused }, 'a call to /hooks was refused')
    },
  })
  const web = app({
    dialects,
    foreign,
    hooks: inbound,
    config: () => config,
    door,
    store,
    operations: gateway,
    activate: takeover.activate,
    metrics: metrics.text,
    webhookRefusal: out.refusal,
    notReady: () => closed()?.message ?? null,
    clock,
    log,
    dashboard: dashboard({
      store,
      operations: gateway,
      policy: (version) => findPolicy(store, version),
      clock,
      authenticate: (key) => authenticate(config.keys, key),
      smtp: () => smtpAddress,
      configProblem: takeover.problem,
    }),
  })

  const listener = getRequestListener(web.fetch)
  let smtpServer: Smtp | undefined
  let httpServer: Server | undefined
  let pump: Pump | undefined
  /** Everything that is open by now, the ways in first. */
  const close = async () => {
    // Until all has ended, who comes by HTTP hears 503 instead of meeting a closed door.
    await Promise.all([pump?.stop(stopWithin), smtpServer?.close(), out.stop(tellWithin)])
    if (httpServer) await closeHttp(httpServer)
    standings.close()
    alarm.close()
    await standings.stats.flush()
    await Promise.all([http.close(), smtp.close(), mx.close()])
    await store.close()
    marks.close()
  }
  try {
    smtpServer = await startSmtp({
      config: () => config,
      door,
      clock,
      foreign,
      log: (problem) => log.error({ problem }, 'bug in SMTP'),
      patience: { close: stopWithin },
    }).catch(unlistenable('smtp.listen'))
    smtpAddress = smtpServer.listening.map(({ host, port }) => url(host, port)).join(', ')
    httpServer = await listenHttp(config, (request, response) => {
      if (stopping) response.shouldKeepAlive = false
      return listener(request, response)
    }).catch(unlistenable('http.listen'))
  } catch (error) {
    await close()
    throw error
  }
  await remember(config, configFile)
  // Last, so that a gateway that cannot start has sent nothing.
  pump = startPump({
    store,
    clock,
    run: gateway.run,
    failed(error, claim) {
      if (error instanceof StoreUnavailable && !stopping) broken.resolve(error)
      log.error(
        { err: error, id: claim?.message.id },
        'a delivery ended in an error; its lease runs out and it is looked at again',
      )
    },
    concurrency,
    lease,
  })
  // An earlier process may have died between a breaker that closed and mail that waits for it.
  gateway.hasten()

  upkeep = await startUpkeep({ store, inbound, alarm, standings, gateway, path, config: () => config, clock, log })
  await out.start()
  warn(log, loaded.warnings)
  takeover.watch()

  const scheme = config.http.tls ? 'https' : 'http'
  const address = httpServer.address() as AddressInfo
  return {
    http: `${scheme}://${url(address.address, address.port)}`,
    smtp: smtpAddress,
    broken: broken.promise,
    async stop() {
      stopping = true
      takeover.close()
      upkeep?.stop()
      await close()
    },
  }
}
