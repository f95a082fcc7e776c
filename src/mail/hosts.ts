/** The mailbox provider behind a domain, judged by its MX: what `recipient.host` means in a rule, and what health is counted by. */

/** MX host suffixes and whose they are. A row a provider; taken from their own setup pages. */
const rows: readonly (readonly [suffix: string, host: string])[] = [
  ['google.com', 'gmail'],
  ['googlemail.com', 'gmail'],
  ['smtp.goog', 'gmail'],
  ['outlook.com', 'outlook'],
  ['protection.outlook.com', 'outlook'],
  ['mx.microsoft', 'outlook'],
  ['yahoodns.net', 'yahoo'],
  ['icloud.com', 'icloud'],
  ['mail.me.com', 'icloud'],
  ['mx.yandex.net', 'yandex'],
  ['mail.ru', 'mailru'],
  ['gmx.net', 'gmx'],
  ['web.de', 'gmx'],
  ['kundenserver.de', 'ionos'],
  ['protonmail.ch', 'proton'],
  ['messagingengine.com', 'fastmail'],
  ['zoho.com', 'zoho'],
  ['zoho.eu', 'zoho'],
  ['pphosted.com', 'proofpoint'],
  ['mimecast.com', 'mimecast'],
  ['comcast.net', 'comcast'],
  ['t-online.de', 't-online'],
  ['orange.fr', 'orange'],
  ['free.fr', 'free'],
  ['libero.it', 'libero'],
  ['qq.com', 'qq'],
  ['netease.com', 'netease'],
]

/** Domains under which mailbox providers give out addresses themselves: whose they are need not be looked up. */
const domains: Readonly<Record<string, readonly string[]>> = {
  gmail: ['gmail.com', 'googlemail.com'],
  outlook: [
    ...['outlook.com', 'outlook.de', 'outlook.fr', 'outlook.es', 'outlook.it', 'outlook.jp'],
    ...['hotmail.com', 'hotmail.co.uk', 'hotmail.de', 'hotmail.fr', 'hotmail.es', 'hotmail.it'],
    ...['live.com', 'live.co.uk', 'live.de', 'live.fr', 'live.it', 'live.nl', 'msn.com'],
  ],
  yahoo: [
    ...['yahoo.com', 'yahoo.co.uk', 'yahoo.de', 'yahoo.fr', 'yahoo.es', 'yahoo.it', 'yahoo.co.in', 'yahoo.com.br'],
    ...['ymail.com', 'rocketmail.com', 'aol.com'],
  ],
  icloud: ['icloud.com', 'me.com', 'mac.com'],
  yandex: ['yandex.ru', 'yandex.com', 'ya.ru'],
  mailru: ['mail.ru', 'inbox.ru', 'list.ru', 'bk.ru'],
  gmx: ['gmx.de', 'gmx.net', 'gmx.at', 'gmx.ch', 'gmx.com', 'web.de'],
  proton: ['proton.me', 'protonmail.com', 'pm.me'],
  fastmail: ['fastmail.com', 'fastmail.fm'],
  zoho: ['zohomail.com', 'zohomail.eu'],
  comcast: ['comcast.net'],
  't-online': ['t-online.de'],
  orange: ['orange.fr', 'wanadoo.fr'],
  free: ['free.fr'],
  libero: ['libero.it'],
  qq: ['qq.com', 'foxmail.com'],
  netease: ['163.com', '126.com', 'yeah.net'],
}

/** The short names of those that we know. */
export const hostNames: ReadonlySet<string> = new Set([...rows.map(([, host]) => host), ...Object.keys(domains)])

const hostsByDomain = new Map(Object.entries(domains).flatMap(([host, list]) => list.map((domain) => [domain, host])))

/** @returns the short name of the provider that gives out addresses under this domain; null for any other domain */
export function hostOfDomain(domain: string): string | null {
  return hostsByDomain.get(domain) ?? null
}

/**
 * @param exchanges MX host names, most preferred first
 * @returns the provider's short name, or null when nobody we know
 */
export function hostOfExchanges(exchanges: readonly string[]): string | null {
  for (const exchange of exchanges) {
    const name = exchange.toLowerCase().replace(/\.$/, '')
    const row = rows.find(([suffix]) => name === suffix || name.endsWith(`.${suffix}`))
    if (row) return row[1]
  }
  return null
}
