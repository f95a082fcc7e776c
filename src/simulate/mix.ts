/**
 * Mail made up, where none is on record: of the config's own types, to the large mailbox providers by about the share that they
 * have of consumer mail, by the rhythm of a day. It is a guess, and whoever shows it says so.
 */
import type { Message } from '../mail/message.ts'
import { uniform } from '../route/chance.ts'
import type { Mail, Owed } from './traffic.ts'

export interface Mix {
  messages: number
  seed: number
  /** Epoch milliseconds: when the first day begins. */
  from: number
  days: number
}

const day = 86_400_000
/** Recipients' domains, and how much of the mail goes there. */
const domains: readonly (readonly [domain: string, share: number])[] = [
  ['gmail.com', 0.42],
  ['outlook.com', 0.18],
  ['yahoo.com', 0.12],
  ['icloud.com', 0.08],
]
/** The rest goes to so many domains of companies. */
const companies = 2_000
/** By UTC hour: low at night, two heights in the working day. */
const hours = [1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 8, 9, 10, 9, 8, 7, 6, 5, 5, 4, 3, 2]
/** How much there is of the types that always exist; each of the config's own has as much as `otp`. */
const weights: Readonly<Record<string, number>> = { otp: 3, transactional: 5, marketing: 2 }
/** Addresses that nobody has, by the type: lists age. */
const bounces: Readonly<Record<string, number>> = { marketing: 0.01 }
const bouncesElse = 0.003
/** Newsletters leave in a batch: at this hour. */
const batchHour = 9

/** Draws from a table of weights. @param at in [0, 1) */
function pick<Item>(table: readonly (readonly [Item, number])[], at: number): Item | undefined {
  let left = at
  for (const [item, weight] of table) {
    left -= weight
    if (left < 0) return item
  }
}

/** Always the same for the same mix, in the order of acceptance. @param owed the types, with what they are owed */
export function* made({ messages, seed, from, days }: Mix, owed: Owed): Generator<Mail> {
  let state = seed
  const dice = () => {
    state = (state + 0x9e3779b9) | 0
    return uniform(state)
  }
  const names = Object.keys(owed)
  const total = names.reduce((sum, name) => sum + (weights[name] ?? 3), 0)
  const types = names.map((name) => [name, (weights[name] ?? 3) / total] as const)
  const perDay = hours.reduce((sum, weight) => sum + weight, 0)
  const rhythm = hours.map((weight, hour) => [hour, weight / perDay] as const)
  let made = 0
  for (let today = 0; today < days; today++) {
    const count = Math.round((messages * (today + 1)) / days) - made
    const mails = Array.from({ length: count }, () => {
      const type = pick(types, dice()) ?? names[0]!
      const batch = type === 'marketing'
      // A batch of newsletters is handed in within a quarter of an hour.
      const hour = batch ? batchHour : (pick(rhythm, dice()) ?? 12)
      return { type, at: Math.floor((hour + dice() * (batch ? 0.25 : 1)) * 3_600_000) }
    }).sort((a, b) => a.at - b.at)
    for (const { type, at } of mails) {
      const number = made++
      const domain = pick(domains, dice()) ?? `company-${Math.floor(dice() * companies)}.example`
      const email = `person-${Math.floor(dice() * messages)}@${domain}`
      const acceptedAt = from + today * day + at
      const mail = {
        id: `msg_made-${seed}-${number}`,
        type,
        acceptedAt,
        size: Math.floor(3_000 + dice() ** 4 * 60_000),
      }
      const gone = dice() < (bounces[type] ?? bouncesElse)
      yield { message: messageOf(mail, owed[type]!), recipients: [gone ? { email, bounces: true } : { email }] }
    }
  }
}

function messageOf(mail: Pick<Message, 'id' | 'type' | 'acceptedAt' | 'size'>, owed: Owed[string]): Message {
  return {
    ...mail,
    tenant: '',
    priority: owed.priority,
    via: 'http',
    returnPath: 'news@sender.example',
    from: { email: 'news@sender.example' },
    subject: 'Made up',
    messageId: `<${mail.id}@sender.example>`,
    sendAt: null,
    expireAt: mail.acceptedAt + owed.expire,
    form: 'parts',
    headers: [],
    attachments: 0,
    inline: 0,
    rawOnly: false,
    eightBit: false,
    smtpUtf8: false,
    hidden: [],
    tags: [],
    metadata: {},
    provider: null,
    dsn: {},
  }
}
