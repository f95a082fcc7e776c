/** Settings that many adapters have, as pieces of their schemas. */
import { z } from 'zod'

/** Replaces scheme, host and port of the API, and may add a path in front. */
export function baseUrl(host: string) {
  return z
    .url({ protocol: /^https?$/ })
    .default(host)
    .describe('Where the API is')
}

/** `baseUrl` beside a `region` that says where the API is. */
export const otherBaseUrl = z
  .url({ protocol: /^https?$/ })
  .optional()
  .describe("Where the API is, instead of the region's host")

/** For `refine`, on settings with both. */
export const notBoth = [
  (value: { region?: unknown; baseUrl?: unknown }) => value.region === undefined || value.baseUrl === undefined,
  { path: ['region'], message: 'region does nothing beside baseUrl: leave one out' },
] satisfies [unknown, unknown]

/** Mail is checked and goes nowhere. */
export const sandbox = z
  .boolean()
  .default(false)
  .describe('Mail is checked by the vendor and taken, but goes to nobody: for tests')

/** A credential. @param description what it is, and where the vendor shows it */
export function credential(description: string) {
  return z.string().trim().min(1).describe(description)
}

/** What a vendor's calls are checked by, where it signs nothing: it must stand in the address it calls. */
export const addressSecret = z
  .string()
  .min(16, 'must have 16 characters at least, for whoever guesses it can tell us what became of mail')
  .optional()
  .describe('For events in: a secret of your own that stands in the address the vendor calls, as ?secret=…')

/** A secret that the vendor made, by which its calls are checked. @param description where the vendor shows it */
export function webhookSecret(description: string) {
  return z.string().trim().min(1).optional().describe(`For events in: ${description}`)
}

/** A server's name or IP address. */
export const hostName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?$/i, 'must be a host name or an IP address')
  .describe('The server: its name or IP address.')

/** Where a vendor takes SMTP, and how. */
export function smtpSettings(host: string, port = 587) {
  return {
    host: hostName.default(host),
    port: z.int().min(1).max(65_535).default(port).describe('STARTTLS must be offered there; see `secure`.'),
    secure: z
      .boolean()
      .optional()
      .describe('TLS from the first byte, without STARTTLS. Default: true on ports 465, 2465, 8465 and 443.'),
    verify: z.boolean().default(true).describe('Whether the certificate must be valid for `host`.'),
    connections: z.int().min(1).max(1_000).default(10).describe('Connections kept open at most.'),
  }
}

/** A DNS server, as `Resolver.setServers` takes it: an IP address, in brackets where it is of version 6 and a port follows. */
export const server = z.string().refine((text) => {
  const [, host, port] = /^\[?([\da-f.:]+?)\]?(?::(\d{1,5}))?$/i.exec(text) ?? []
  const isAddress = (one: string) => z.ipv4().safeParse(one).success || z.ipv6().safeParse(one).success
  return isAddress(text) || (host !== undefined && isAddress(host) && Number(port) > 0 && Number(port) < 65_536)
}, 'must be `ip` or `ip:port`')
