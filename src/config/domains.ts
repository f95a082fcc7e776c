/** Domains as a provider's settings name them. */
import { z } from 'zod'
import { AddressError } from '../mail/address.ts'
import { canonicalDomain } from './when.ts'

/** `example.com`, or `*.example.com` for all below it; read into lower-case A-labels. */
export const domainPattern = z.string().transform((text, context) => {
  const [, stars, domain] = /^(\*\.)?(.*)$/s.exec(text)!
  try {
    return (stars ?? '') + canonicalDomain(domain!)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    context.addIssue('expected a domain, such as example.com, or *.example.com for all below it')
    return z.NEVER
  }
})
