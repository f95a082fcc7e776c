/** Custom headers of a message in JSON: which may be set, and to what. */
import { headerProblem } from '../mail/headers.ts'

/** Long enough for the References of a long thread and any List-Unsubscribe. */
const longestValue = 4000
const longestName = 100

const oneId = /^<[^\s<>@"]+@[^\s<>@"]+>$/
const link = '<(?:https?|mailto):[^\\s<>"]+>'
const links = new RegExp(`^${link}(?: *, *${link})*$`, 'i')

/** Headers whose value must have a form, or it would be broken on its way. */
const forms: Record<string, (value: string) => string | null> = {
  'message-id': (value) =>
    isId(value) && value.length <= 250 ? null : 'A Message-ID looks like <unique@example.com>.',
  'in-reply-to': threadProblem,
  references: threadProblem,
  'list-unsubscribe': (value) => (links.test(value) ? null : 'Expected https or mailto links in angle brackets.'),
}

/** What is wrong with a custom header, in words for the person who set it; null when nothing is. */
export function customHeaderProblem(name: string, value: string): string | null {
  const lower = name.toLowerCase()
  if (name.length > longestName) return `A header name may have ${longestName} characters.`
  if (value.length > longestValue) return `A header may have ${longestValue} characters.`
  if (lower.startsWith('x-waypost-')) return 'This header steers mail sent by SMTP; here its field does.'
  const form = Object.hasOwn(forms, lower) ? forms[lower] : undefined
  return (lower === 'message-id' ? null : headerProblem(name, value)) ?? form?.(value) ?? null
}

function threadProblem(value: string): string | null {
  return value.split(' ').every(isId) ? null : 'Expected Message-IDs like <unique@example.com>.'
}

function isId(value: string): boolean {
  return oneId.test(value) && /^[!-~]*$/.test(value)
}
