/** The types of mail: the three that always exist, and how the config changes them or adds its own. */
import type { Priority } from '../mail/message.ts'
import type { Limits } from '../mail/provider.ts'
import type { Quiet } from '../mail/quiet.ts'
import type { RetrySchedule } from '../mail/retry.ts'
import type { Wish } from '../route/fit.ts'
import { readLimits } from './limits.ts'
import type { Finding } from './problems.ts'
import type { TypeShape } from './schema.ts'

/** The contract a kind of mail is owed. */
export interface MailType {
  name: string
  /** Milliseconds after acceptance when it is given up. */
  expire: number
  /** What to do when mail left and no answer came back. */
  onUnknown: 'reconcile' | 'hold' | 'failover'
  /** Milliseconds an unknown may wait for evidence before that contract decides. */
  reconcileFor: number
  priority: Priority
  retry: RetrySchedule
  /** Milliseconds: from due to taken by a provider, and from there to delivered. Null: as long as it takes. */
  deadline: { taken: number | null; delivered: number | null }
  /** Rounds of trying, at most; null: until it expires. */
  attempts: number | null
  /** Hours in which it is not sent. */
  quiet: Quiet | null
  /** An unsubscribe that a provider tells of suppresses the address for this type. */
  unsubscribes: boolean
  /** Only providers that bear all of these labels may carry it. */
  labels: string[]
  /** Only providers that carry all of these that a message has. */
  needs: Wish[]
  /** `adaptive` may use it to find out which provider is best. */
  explore: boolean
  /** How much of it may go over all providers together; null: as much as comes. */
  limits: Limits | null
}

type Owed = Pick<MailType, 'expire' | 'onUnknown' | 'priority' | 'unsubscribes' | 'explore'> & { taken?: number }

const minute = 60_000
const reconcileFor = 15 * minute

/** A new type starts from `transactional`. */
const transactional: Owed = {
  expire: 24 * 60 * minute,
  onUnknown: 'reconcile',
  priority: 'normal',
  unsubscribes: false,
  explore: true,
}

const builtIn: Readonly<Record<string, Owed>> = {
  otp: {
    expire: 10 * minute,
    onUnknown: 'failover',
    priority: 'high',
    unsubscribes: false,
    explore: false,
    taken: 3_000,
  },
  transactional,
  marketing: { expire: 3 * 24 * 60 * minute, onUnknown: 'hold', priority: 'low', unsubscribes: true, explore: true },
}

/**
 * Every type by name, in an object without a prototype, so that a name a client made up finds nothing.
 * @param retry the schedule of all types, which a type's own overrides key by key
 */
export function mailTypes(given: Readonly<Record<string, TypeShape>>, retry: RetrySchedule): Record<string, MailType> {
  const types: Record<string, MailType> = Object.create(null)
  for (const name of new Set([...Object.keys(builtIn), ...Object.keys(given)])) {
    const own = given[name] ?? {}
    const base = builtIn[name] ?? transactional
    types[name] = {
      name,
      expire: own.expire ?? base.expire,
      onUnknown: own.onUnknown ?? base.onUnknown,
      reconcileFor: own.reconcileFor ?? reconcileFor,
      priority: own.priority ?? base.priority,
      retry: { first: own.retry?.first ?? retry.first, max: own.retry?.max ?? retry.max },
      deadline: {
        taken: own.deadline?.taken ?? base.taken ?? null,
        delivered: own.deadline?.delivered ?? null,
      },
      attempts: own.attempts ?? null,
      quiet: own.quiet ?? null,
      unsubscribes: own.unsubscribes ?? base.unsubscribes,
      labels: own.labels ?? [],
      needs: own.needs ?? [],
      explore: own.explore ?? base.explore,
      limits: own.limits ? readLimits(own.limits) : null,
    }
  }
  return types
}

/** Types that could never be sent or retried as they say. @param offers what each provider offers */
export function checkTypes(
  types: Record<string, MailType>,
  offers: readonly { labels: readonly string[] }[],
): Finding[] {
  const found: Finding[] = []
  for (const type of Object.values(types)) {
    const add = (key: string, message: string) => found.push({ path: ['types', type.name, key], at: 'value', message })
    if (type.name === 'otp' && type.explore) {
      add('explore', 'a code is never used to find out which provider is best; leave it out')
    }
    if (type.retry.first > type.retry.max) add('retry', 'first is longer than max')
    if (type.quiet && type.quiet.from === type.quiet.to) add('quiet', 'begins and ends at the same time of day')
    if (type.deadline.delivered !== null && type.onUnknown !== 'failover') {
      add(
        'deadline',
        'delivered does nothing unless the type says onUnknown: failover, for what is sent once more may arrive twice',
      )
    }
    if (type.labels.length > 0 && !offers.some(({ labels }) => type.labels.every((label) => labels.includes(label)))) {
      add('labels', `no provider bears ${type.labels.join(' and ')}, so this type could never be sent`)
    }
  }
  return found
}
