/** What the config says of a tenant, beside its keys. */
import { z } from 'zod'
import { name } from './units.ts'

export const tenant = z
  .strictObject({
    labels: z.array(name).min(1).optional().describe('Only providers that bear all of these may carry its mail'),
  })
  .refine((given) => Object.keys(given).length > 0, 'says nothing of this tenant; leave it out')
  .describe('A tenant, by the name that its keys have')

export interface Tenant {
  /** Only providers that bear all of these may carry its mail. */
  labels: string[]
}

/** Every tenant that the config says something of, in an object without a prototype, so that any name may be looked up. */
export function readTenants(given: Readonly<Record<string, z.output<typeof tenant>>>): Record<string, Tenant> {
  const read = Object.entries(given).map(([name, { labels = [] }]): [string, Tenant] => [name, { labels }])
  return Object.assign(Object.create(null), Object.fromEntries(read))
}
