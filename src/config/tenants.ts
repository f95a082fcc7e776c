/** What tenants are held to. */
import { z } from 'zod'
import type { Limits } from '../mail/provider.ts'
import { limits, readLimits } from './limits.ts'

export const tenant = z.strictObject({
  limits: limits
    .optional()
    .describe('How much of its mail may go, over all providers together; what is more waits until there is room'),
})

export interface Tenant {
  limits: Limits | null
}

/** By name, in an object without a prototype. */
export function readTenants(given: Readonly<Record<string, z.output<typeof tenant>>>): Record<string, Tenant> {
  const tenants: Record<string, Tenant> = Object.create(null)
  for (const [name, { limits }] of Object.entries(given)) tenants[name] = { limits: limits ? readLimits(limits) : null }
  return tenants
}
