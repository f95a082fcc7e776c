/** The mailbox provider behind a domain, judged by its MX: what `recipient.host` means in a rule. */

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
