/** Reads small configs for the tests, with two adapters that exist nowhere else. */
import { z } from 'zod'
import inbox from '../../adapters/inbox.ts'
import { type Config, type ConfigProblem, type ConfigSources, parseConfig } from '../../src/config.ts'
import { type Adapter, type Adapters, adapter } from '../../src/mail/adapter.ts'

const acme = adapter({
  features: inbox.features,
  send: { kind: 'keep' },
  name: 'acme',
  title: 'A vendor for tests',
  // Not strict: that a key which it does not know is an error is the config's own promise.
  options: z.object({
    token: z.string().min(1).describe('The token'),
    region: z.enum(['eu', 'us']).default('eu').describe('Where it is'),
  }),
})

export const adapters: Adapters = new Map(
  ([inbox, acme] as unknown as Adapter[]).map((one) => [one.name, async () => one]),
)

/** The least that is a config; tests add to it. */
export const least = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'

function read(text: string, sources: Partial<ConfigSources>) {
  return parseConfig(text, { file: 'waypost.yaml', env: {}, adapters, ...sources })
}

/** The config that the text is; throws with its problems when it is none. */
export async function accepted(text: string, sources: Partial<ConfigSources> = {}): Promise<Config> {
  const parsed = await read(text, sources)
  if ('problems' in parsed) throw new Error(shown(parsed.problems).join('\n'))
  return parsed.config
}

export async function warned(text: string): Promise<string[]> {
  const parsed = await read(text, {})
  if ('problems' in parsed) throw new Error(shown(parsed.problems).join('\n'))
  return shown(parsed.warnings)
}

/** `2:7 smtp.listen: …` for each problem; none when the text is a config. */
export async function refused(text: string, sources: Partial<ConfigSources> = {}): Promise<string[]> {
  const parsed = await read(text, sources)
  return 'problems' in parsed ? shown(parsed.problems) : []
}

function shown(problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
}
