/** Mailbox hosts as the config names them: those that we know by name, and the domain of one that we do not. */
import { hostNames } from '../mail/hosts.ts'
import { didYouMean } from './problems.ts'

/** Why no recipient can ever be at a host of this name, and what is expected; null where one can. @param also words that mean something here */
export function noSuchHost(text: string, also: readonly string[] = []): string | null {
  if (also.includes(text) || hostNames.has(text) || /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(text)) return null
  const expected = [`a name (${[...hostNames].join(', ')})`, 'a domain in lower case', ...also]
  return `there is no mailbox host of this name${didYouMean(text, [...also, ...hostNames])}. Expected ${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}`
}
