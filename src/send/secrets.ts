/** What a vendor or a proxy says back may hold the key we showed it; what we read, keep and show of it must not. */
import type { HttpAnswer } from '../mail/adapter.ts'

const secretName = /key|token|secret|pass/i

/** The answer with every secret of the provider's options (a text whose name says so) taken out, before anyone quotes a part. */
export function withoutSecrets(answer: HttpAnswer, options: unknown): HttpAnswer {
  return { ...answer, body: hideSecrets(answer.body, options) }
}

/** The text with those secrets taken out. */
export function hideSecrets(text: string, options: unknown): string {
  let rest = text
  for (const [name, value] of Object.entries(options ?? {})) {
    if (secretName.test(name) && typeof value === 'string' && value.length > 5)
      rest = rest.replaceAll(value, '[secret]')
  }
  return rest
}
