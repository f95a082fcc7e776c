/** The policy in plain English: what a rule matches, who is tried and why, and what becomes of mail that nobody can take. */
import type { Config, MailType } from '../config.ts'
import type { Provider, ShapingRule } from '../mail/provider.ts'
import type { Budget } from '../route/budget.ts'
import { Reach } from '../route/implied.ts'
import type { Best, Condition, Move, Policy, Rule, Test, Use } from '../route/policy.ts'
import { budgetWords } from './budgets.ts'
import { priceWords } from './cost.ts'
import { engine } from './engine.ts'

export interface RuleInWords {
  rule: string
  matches: string
  tried: string
  otherwise: string
}

/** Each shaping rule in a sentence, by its name. */
export function shapingInWords({ providers }: Pick<Config, 'providers'>): { rule: string; does: string }[] {
  const rules = new Map(providers.flatMap(({ shaping }) => shaping.map((rule) => [rule.name, rule])))
  return [...rules.values()].map((rule) => {
    const concerned = providers.filter(({ shaping }) => shaping.some(({ name }) => name === rule.name))
    const who = concerned.length === providers.length ? 'any provider' : listed(names(concerned), 'or')
    return { rule: rule.name, does: shapingWords(rule, who) }
  })
}

function shapingWords({ hosts, when, does, for: length }: ShapingRule, who: string): string {
  const where = hosts.length === 0 ? 'a mailbox provider' : listed(hosts, 'or')
  const said =
    'reply' in when
      ? `a reply of ${where} to ${who} has /${when.reply}/ in it`
      : `more than ${percentage(when.share)} of the last ${when.of} that ${who} heard of ${where} are deferrals or blocks`
  const then =
    'slow' in does
      ? `it sends there at ${percentage(does.slow)} of its pace`
      : `it sends nothing${does.suspend.includes('tenant') ? ' of that tenant' : ''}${does.suspend.includes('host') ? ' to that mailbox provider' : ''}`
  const nobody = 'reply' in when ? ' The recipient is not suppressed.' : ''
  return `When ${said}, ${then} for ${durationWords(length)}.${nobody}`
}

const names = (providers: readonly Provider[]) => providers.map(({ name }) => name)

/** Each rule of the policy in sentences, in their order. */
export function inWords({
  policy,
  providers,
  types,
  budgets,
}: Pick<Config, 'policy' | 'providers' | 'types' | 'budgets'>): RuleInWords[] {
  const reach = new Reach(policy.rules, engine)
  const costs = new Map(providers.map(({ name, cost }) => [name, priceWords(cost)]))
  return policy.rules.map((rule, index) => {
    const coming = Object.values(types).filter(({ name }) => reach.reaches(index, 'type', { is: name }))
    const never = reach.takenBy(index) !== null
    return {
      rule: rule.name,
      matches: never
        ? `${matches(rule, index, policy)} Nothing is left for it: it never matches.`
        : matches(rule, index, policy),
      tried: tried(rule.use, costs) + copied(rule),
      otherwise: otherwise(rule.use, coming) + within(coming, budgets),
    }
  })
}

function matches({ when }: Rule, index: number, { rules }: Policy): string {
  if (when !== null)
    return `Mail ${condition(when, false)}${index === 0 ? '' : ', where no rule before this one matches'}.`
  return rules.length === 1 ? 'All mail.' : 'Everything else: all mail that no rule before this one takes.'
}

/**
 * What a condition matches, to follow "Mail".
 * @param inside it stands in another one, and needs brackets when it is long
 */
export function condition(given: Condition, inside: boolean): string {
  if ('not' in given) return `not ${condition(given.not, true)}`
  const [parts, word] =
    'fields' in given
      ? [Object.entries(given.fields).map(([field, test]) => fieldTest(field, test)), 'and']
      : 'all' in given
        ? [given.all.map((part) => condition(part, true)), 'and']
        : [given.any.map((part) => condition(part, true)), 'or']
  if (parts.length === 1) return parts[0]!
  const text = listed(parts, word)
  return inside ? `(${text})` : text
}

const subjects: Record<string, string> = {
  type: 'of type',
  tag: 'tagged',
  tenant: 'of tenant',
  from: 'from',
  'from.domain': 'from the domain',
  recipient: 'to',
  'recipient.domain': 'to the domain',
  'recipient.host': 'to mailboxes at',
  subject: 'whose subject is',
  size: 'of',
  attachments: 'with',
  hour: 'at',
  day: 'on',
  tries: 'tried',
  age: 'that waits for',
}

function fieldTest(field: string, test: Test): string {
  const [kind, name] = /^(header|metadata)\.(.+)$/s.exec(field)?.slice(1) ?? []
  const subject = name === undefined ? subjects[field]! : `whose ${kind} ${name} is`
  const zone = test.zone === undefined ? '' : ` (${zoneWords(test.zone)})`
  const utc = (field === 'hour' || field === 'day') && test.zone === undefined ? ' (UTC)' : ''
  return `${subject} ${values(field, test)}${zone}${utc}`
}

const zoneWords = (zone: string) =>
  zone.startsWith('metadata.') ? `in the time zone that its ${zone.replace('.', ' ')} names` : `in ${zone}`

function values(field: string, test: Test): string {
  const one = (value: string | number) => valueWords(field, value)
  if ('is' in test) return one(test.is)
  if ('in' in test) return listed(test.in.map(one), 'or')
  if ('glob' in test) return `anything like ${JSON.stringify(test.glob)}`
  if ('regex' in test) return `anything in which /${test.regex}/ is found`
  const { gt, lt } = test
  const limits = [gt === undefined ? [] : [`more than ${one(gt)}`], lt === undefined ? [] : [`less than ${one(lt)}`]]
  if (field !== 'hour') return listed(limits.flat(), 'and')
  const from = gt === undefined ? 0 : gt + 1
  return `${clock(from)} to ${clock(lt ?? 24)}`
}

const clock = (hour: number) => `${String(hour).padStart(2, '0')}:00`

function valueWords(field: string, value: string | number): string {
  if (field === 'hour') return `${clock(Number(value))} to ${clock(Number(value) + 1)}`
  if (field === 'attachments') return value === 1 ? '1 attachment' : `${value} attachments`
  if (field === 'tries') return value === 1 ? 'once' : `${value} times`
  if (field === 'age') return durationWords(Number(value))
  if (field === 'size') return Number(value) % 1024 === 0 ? sizeWords(Number(value)) : `${value} bytes`
  return field in subjects && field !== 'subject' && field !== 'tag' ? String(value) : JSON.stringify(String(value))
}

function sizeWords(bytes: number): string {
  return bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2} MB` : `${bytes / 1024} KB`
}

type Costs = ReadonlyMap<string, string>

function tried(use: Use, costs: Costs): string {
  if ('provider' in use) return `It goes to ${use.provider}, and nowhere else.`
  if ('first' in use && use.first.length > 1) {
    const [first, ...rest] = use.first.map((part) => choice(part, costs))
    return `It goes to ${first}; where that cannot take it, to ${rest.join('; then to ')}.`
  }
  return `It goes to ${choice(use, costs)}.`
}

function copied({ mirror }: Rule): string {
  if (!mirror) return ''
  return ` Of its messages ${percentage(mirror.share)} are copied to ${mirror.to}, which keeps them here; nobody is sent a copy.`
}

const ranks = {
  latency: 'answers fastest',
  health: 'has the best share of good answers, of late and at the mailbox host of the recipient',
  deliverability: 'has the best share of its mail delivered, of late and at the mailbox host of the recipient',
}
const weighed = { cost: 'cost', latency: 'speed', health: 'good answers', deliverability: 'mail delivered' }

/** What a tree comes to, as a part of a sentence. */
function choice(use: Use, costs: Costs): string {
  if ('provider' in use) return use.provider
  if ('first' in use) {
    const parts = use.first.map((part) => choice(part, costs))
    return parts.length === 1 ? parts[0]! : `the first of ${listed(parts, 'and')} that can take it`
  }
  if ('best' in use) {
    const { of, by, within } = use.best
    const parts = of.map((part) => (by === 'cost' ? priced(part, costs) : choice(part, costs)))
    if (parts.length === 1) return parts[0]!
    const one =
      by === 'cost'
        ? `the cheapest of ${listed(parts, 'and')}`
        : `the one of ${listed(parts, 'and')} that ${rank(use.best)}`
    const guard =
      within === undefined
        ? ''
        : ` (who delivers fewer by more than ${Math.round(within.deliverability * 1_000) / 10} in 100 than the best comes last)`
    return `${one}, then the next ${by === 'cost' ? 'cheapest' : 'best'}${guard}`
  }
  if ('adaptive' in use) {
    const { of, explore } = use.adaptive
    const parts = of.map((part) => choice(part, costs))
    const seen = explore === 0 ? '' : `, but ${percentage(explore)} to any of them, to see how it does`
    return `the one of ${listed(parts, 'and')} that is found to deliver best${seen}, then the others`
  }
  if ('move' in use) return moving(use.move, costs)
  const { weights, sticky } = use.split
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  const shares = Object.entries(weights).map(([name, weight]) => `${name} (${percentage(weight / total)})`)
  const same = sticky === 'recipient' ? 'always the same for one recipient' : 'drawn anew for each message'
  return `one of ${listed(shares, 'and')} by its share, ${same}, then the others`
}

function moving({ from, to, over, start, steps, sticky, hold, revert }: Move, costs: Costs): string {
  const [old, fresh] = [choice(from, costs), choice(to, costs)]
  const shares = listed(
    steps.map((step) => percentage(step)),
    'and',
  )
  const since = start === null ? '' : ` from ${new Date(start).toISOString()} on`
  const same = sticky === 'recipient' ? 'all mail of one recipient at once' : 'each message by itself'
  const bad = `more than ${percentage(hold.complaints)} of its mail is complained of, or it is deferred more than ${hold.deferrals} times as often`
  const back = `held for ${durationWords(revert.after)}, or when that is ${revert.beyond} times as bad, all goes back`
  return `${old}, and step by step to ${fresh} instead (${shares} of mail over ${durationWords(over)}${since}, ${same}; held while ${bad}; ${back}), then the other`
}

function rank({ by, weights = { cost: 1, latency: 1, health: 1, deliverability: 1 } }: Best): string {
  if (by === 'cost') return 'is cheapest'
  if (by !== 'balanced') return ranks[by]
  const parts = Object.entries(weights).map(
    ([figure, weight]) => `${weighed[figure as keyof typeof weighed]} (${weight})`,
  )
  return `is best by a balance of ${listed(parts, 'and')}`
}

function priced(use: Use, costs: Costs): string {
  const cost = 'provider' in use ? costs.get(use.provider) : undefined
  return cost === undefined ? choice(use, costs) : `${choice(use, costs)} (${cost})`
}

/** `33.3 %`, `0.05 %` */
export function percentage(share: number): string {
  const digits = share < 0.01 ? 1_000 : 10
  return `${Math.round(share * 100 * digits) / digits} %`
}

const lost: Record<MailType['onUnknown'], string> = {
  failover: 'sent again elsewhere, perhaps twice',
  reconcile: 'held until the vendor tells what became of it',
  hold: 'held until an operator decides',
}

function otherwise(use: Use, types: readonly MailType[]): string {
  if (types.length === 0) return 'No type of mail comes here.'
  const who = 'provider' in use ? 'it' : 'none of them'
  const said = [
    `When ${who} can${'provider' in use ? 'not' : ''} take it now, mail waits and is tried again: ${grouped(types, ({ expire }) => `for ${durationWords(expire)}`)}.`,
    `Mail whose answer is lost: ${grouped(types, ({ onUnknown }) => lost[onUnknown])}.`,
  ]
  const bound = types.filter(({ labels }) => labels.length > 0)
  const held = types.filter(({ quiet }) => quiet !== null)
  if (held.length > 0) said.push(`Not sent at all hours: ${grouped(held, quietWords)}.`)
  if (bound.length > 0)
    said.push(
      `Only providers with these labels may carry it: ${grouped(bound, ({ labels }) => listed(labels, 'and'))}.`,
    )
  const whole = types.filter(({ needs }) => needs.length > 0)
  if (whole.length > 0)
    said.push(`Only providers that carry all of these: ${grouped(whole, ({ needs }) => listed(needs, 'and'))}.`)
  return said.join(' ')
}

function quietWords({ quiet }: MailType): string {
  const { from, to, zones } = quiet!
  const time = (minutes: number) =>
    `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
  return `waits from ${time(from)} to ${time(to)} (${zones.map(zoneWords).join(', else ')})`
}

/** The budgets that some mail which comes to a rule is under. */
function within(types: readonly MailType[], budgets: readonly Budget[]): string {
  const under = budgets.filter(({ types: of }) => types.some(({ name }) => of === null || of.includes(name)))
  if (under.length === 0) return ''
  return ` Where a budget is spent, mail goes to whoever costs nothing, or waits: ${under.map(budgetWords).join('; ')}.`
}

/** `otp for 10m; transactional and invoices for 24h` */
function grouped(types: readonly MailType[], say: (type: MailType) => string): string {
  const groups = Map.groupBy(types, say)
  return [...groups]
    .map(
      ([what, types]) =>
        `${listed(
          types.map(({ name }) => name),
          'and',
        )} ${what}`,
    )
    .join('; ')
}

function durationWords(milliseconds: number): string {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1_000, 's'],
  ] as const
  const [length, unit] = units.find(([length]) => milliseconds % length === 0 && milliseconds > length) ?? [1, 'ms']
  return `${milliseconds / length}${unit}`
}

export function listed(parts: readonly string[], word: string): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} ${word} ${parts.at(-1)}`
}
