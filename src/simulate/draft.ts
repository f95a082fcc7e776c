/** The config that a simulation tries: whole, or only what is to change, with stand-ins for secrets that are not at hand. */
import { parse, stringify } from 'yaml'
import { checkText, problemLine } from '../config/file.ts'
import type { Config } from '../config.ts'

/** A text with all that it takes to read it again, in another thread. */
export interface Draft {
  file: string
  text: string
  /** Variables of the environment that it names and that are not set. */
  unset: string[]
}

/** What a draft that is only a part has from the present config. */
const taken = ['providers', 'types', 'retry', 'routes'] as const

/**
 * A draft that names both providers and routes stands alone; to any other, what it does not say is added from the present config.
 * The draft's own lines stay where they are, so that problems are told at their place.
 */
export function draftOf(file: string, text: string, present: string): Draft {
  const own = keysOf(text)
  if (own === null || ('providers' in own && 'routes' in own)) return { file, text, unset: unsetIn(text) }
  const others = keysOf(present) ?? {}
  const missing = taken.filter((key) => !(key in own) && key in others)
  const added = Object.fromEntries(missing.map((key) => [key, others[key]]))
  const whole = missing.length === 0 ? text : `${text}\n${stringify(added, { aliasDuplicateObjects: false })}`
  return { file, text: whole, unset: unsetIn(whole) }
}

/** Null for what is no mapping: the check says what is wrong with it. */
function keysOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = parse(text, { logLevel: 'error' })
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : value === null
        ? {}
        : null
  } catch {
    return null
  }
}

function unsetIn(text: string): string[] {
  const named = [...text.matchAll(/(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map(([, name]) => name!)
  return [...new Set(named)].filter((name) => process.env[name] === undefined)
}

/** As long as any secret has to be; it is shown to nobody, for nobody is called. */
const standIn = 'stands-in-for-a-secret-that-is-not-set'

/** Reads a draft. @returns the config, or its problems, a line each */
export async function readDraft({ file, text, unset }: Draft): Promise<Config | string[]> {
  const env = { ...process.env, ...Object.fromEntries(unset.map((name) => [name, standIn])) }
  const parsed = await checkText(text, file, env)
  if ('config' in parsed) return parsed.config
  const lines = parsed.problems.map(problemLine)
  return unset.length === 0 ? lines : [...lines, `not set, so that something else stood in: ${unset.join(', ')}`]
}
