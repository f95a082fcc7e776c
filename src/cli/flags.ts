/** Flags that several commands take, and how a command hands over to its work. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Gateway } from './api.ts'

/** Of a command that reads the config. */
export interface ConfigFlags {
  config: string
  json?: true
}

/** Of a command that talks to a running gateway. */
export interface GatewayFlags extends Gateway {
  json?: true
}

export function withConfig(command: Command): Command {
  const file = new Option('--config <file>', 'the configuration').env('WAYPOST_CONFIG').default('config/waypost.yaml')
  return command.addOption(file)
}

export function withGateway(command: Command): Command {
  return withJson(
    command
      .addOption(new Option('--url <url>', 'the gateway').env('WAYPOST_URL').default('http://127.0.0.1:8025'))
      .addOption(new Option('--key <key>', 'a key of the gateway; needed where it has keys').env('WAYPOST_KEY')),
  )
}

export function withJson(command: Command): Command {
  return command.option('--json', 'write JSON, for machines')
}

/** Adds to the end of a command's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ waypost ${line}`).join('\n')}`
}

/** Gathers a flag that may be given as often as needed. */
export function gather(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** A whole number from 1 to `most`. */
export function count(most: number) {
  return (text: string): number => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
    throw new InvalidArgumentError(`Expected a number from 1 to ${most}.`)
  }
}

const ago = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Epoch milliseconds of a time: `90m`, `24h` or `3d` ago, or a date and time (RFC 3339). */
export function readTime(text: string): number {
  const [, number, unit] = /^(\d+)([mhd])$/.exec(text) ?? []
  const at = unit === undefined ? Date.parse(text) : Date.now() - Number(number) * ago[unit as keyof typeof ago]
  if (Number.isNaN(new Date(at).getTime()))
    throw new InvalidArgumentError('Expected 90m, 24h, 3d, or 2026-01-31T09:30:00Z.')
  return at
}
