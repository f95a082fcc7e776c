/** What the config says of a tenant, beside its keys. */
import { z } from 'zod'
import type { Limits } from '../mail/provider.ts'
import { limits, readLimits } from './limits.ts'
import { name } from './units.ts'

export const tenant = z
  .strictObject({
    labels: z.array(name).min(1).optional().describe('Only providers that bear all of these may carry its mail'),
    limits: limits
      .optional()
      .describe('How much of its mail may go, over all providers together; what is more waits until there is room'),
  })
  .refine((given) => Object.keys(given).length > 0, 'says nothing of this tenant; leave it out')
  .describe('A tenant, by the name that its keys have')

export interface Tenant {
  /** Only providers that bear all of these may carry its mail. */
  labels: string[]
  /** How much of its mail may go over all providers together; null: as much as comes. */
  limits: Limits | null
}

/** Every tenant that the config says something of, in an object without a prototype, so that any name may be looked up. */
export function readTenants(given: Readonly<Record<string, z.output<typeof tenant>>>): Record<string, Tenant> {
  const tenants: Record<string, Tenant> = Object.create(null)
  for (const [name, { labels = [], limits }] of Object.entries(given)) {
    tenants[name] = { labels, limits: limits ? readLimits(limits) : null }
  }
  return tenants
}
