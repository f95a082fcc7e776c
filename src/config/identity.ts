/** `identity` of a provider: how it is looked after that it may send for From domains. */
import { z } from 'zod'
import type { Adapter } from '../mail/adapter.ts'
import type { IdentityCare } from '../mail/provider.ts'
import { server } from '../mail/settings.ts'
import type { Finding, Path } from './problems.ts'

export const identity = z
  .strictObject({
    require: z
      .boolean()
      .prefault(false)
      .describe('Whether mail from a domain that is not ready goes elsewhere or waits; else it is only told of'),
    dkim: z
      .array(z.string().regex(/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i, 'must be a DNS label, such as s1'))
      .min(1)
      .optional()
      .describe('Selectors of its DKIM keys, which DNS must hold at <selector>._domainkey.<From domain>'),
    spf: z
      .string()
      .regex(/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$/i, 'must be a name, such as _spf.vendor.example')
      .toLowerCase()
      .optional()
      .describe('What the SPF record of the From domain must include, within ten look-ups'),
    resolver: z
      .array(server)
      .min(1)
      .optional()
      .describe("DNS servers to ask, as ip or ip:port; the system's otherwise"),
  })
  .describe('Looks after whether it may send for the From domains of its mail, by the vendor and by DNS')

/** Whether something can be found out, and nothing is said that does nothing. */
export function readIdentity(
  given: z.output<typeof identity>,
  adapter: Adapter,
  path: Path,
  problem: (finding: Finding) => void,
): IdentityCare {
  const { name, send } = adapter
  const { require, dkim = [], spf = null, resolver = [] } = given
  const wrong = (key: keyof typeof given | null, message: string) =>
    problem({ path: key === null ? path : [...path, key], at: key === null ? 'key' : 'value', message })
  if (send.kind === 'keep') wrong(null, 'does nothing here: what is kept here needs no leave to send. Leave it out')
  else if (send.kind === 'mx') {
    for (const key of ['dkim', 'spf', 'resolver'] as const) {
      if (given[key] !== undefined)
        wrong(key, `does nothing here: it follows from the settings of ${name}. Leave it out`)
    }
  } else if (!adapter.identity && dkim.length === 0 && spf === null) {
    wrong(null, `finds out nothing: ${name} cannot be asked about domains. Name dkim or spf, for DNS to be asked`)
  }
  return { require, dkim, spf, resolver }
}
