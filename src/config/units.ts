/** Durations, sizes, listen addresses and names, as the config writes them. */
import { z } from 'zod'

const milliseconds = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const bytes = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const

/** An address to listen on. Port 0 takes a free one; host `''` is every address of the machine. */
export interface Listen {
  host: string
  port: number
}

const expectedDuration = 'expected a duration with its unit: 500ms, 30s, 10m, 1h or 3d'

/** A duration with its unit, read into milliseconds: `500ms`, `30s`, `10m`, `1h`, `3d`. */
export const duration = z
  .string(expectedDuration)
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, expectedDuration)
  .transform((text, context) => {
    const value = readDuration(text)!
    if (value < 1 || value > 365 * milliseconds.d) context.addIssue('must be from 1ms to 365d')
    return value
  })

/** Milliseconds of `10m`, or null when it is not a duration. */
export function readDuration(text: string): number | null {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? []
  return unit === undefined ? null : Math.round(Number(count) * milliseconds[unit as keyof typeof milliseconds])
}

const expectedSize = 'expected a size with its unit: 512B, 64KB, 25MB or 1GB'

/** A size with its unit, read into bytes; units are powers of 1,024, as mail servers count: `64KB`, `25MB`. */
export const size = z
  .string(expectedSize)
  .regex(/^\d+(\.\d+)?(B|KB|MB|GB)$/, expectedSize)
  .transform((text, context) => {
    const value = readSize(text)!
    if (value < 1 || value > bytes.GB) context.addIssue('must be from 1B to 1GB')
    return value
  })

/** Bytes of `25MB`, or null when it is not a size. */
export function readSize(text: string): number | null {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(B|KB|MB|GB)$/.exec(text) ?? []
  return unit === undefined ? null : Math.round(Number(count) * bytes[unit as keyof typeof bytes])
}

const expectedPercent = 'expected a percentage: 5% or 0.5%'

/** A percentage, read into a share: `5%` is 0.05. */
export const percent = z
  .string(expectedPercent)
  .regex(/^\d+(\.\d+)?%$/, expectedPercent)
  .transform((text) => Number(text.slice(0, -1)) / 100)

const expectedListen = 'expected host:port, such as 127.0.0.1:8025, [::1]:25 or :8025 (every address of the machine)'

/** `host:port`, `[::1]:25`, or `:8025` for every address of the machine. */
export const listen = z.string(expectedListen).transform((text, context): Listen => {
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text) ?? []
  if (port !== undefined && Number(port) <= 65_535) return { host: six ?? four ?? '', port: Number(port) }
  context.addIssue(expectedListen)
  return z.NEVER
})

/** Whether only this machine can reach the address. */
export function isLoopback(address: Listen): boolean {
  return address.host === 'localhost' || address.host === '::1' || /^127(\.\d{1,3}){3}$/.test(address.host)
}

const expectedTimeOfDay = 'expected a time of day in quotes, such as "22:00"'

/** `22:00`, read into minutes after midnight. */
export const timeOfDay = z
  .string(expectedTimeOfDay)
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, expectedTimeOfDay)
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)))

/** A name for a provider, a type, a rule, a tenant or a label: safe in a path, a header and a table. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name is 1 to 64 letters, digits, dots, dashes and underscores')
  .refine((text) => !(text in {}), 'this name is not allowed: it means something else to JavaScript')
