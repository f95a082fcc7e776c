/** A config as a file: reading it, checking it with everything that is here, and telling its problems in lines. */
import { readFileSync } from 'node:fs'
import type { Config, ConfigProblem, ParsedConfig } from '../config.ts'

/** A config that cannot be used; the message says why, one line for each problem. */
export class ConfigInvalid extends Error {
  override name = 'ConfigInvalid'
}

/** The text of a config file. @param flag what names it on the command line @throws ConfigInvalid when there is none */
export function configText(file: string, flag = '--config'): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `there is no such file. Name one with ${flag}` : `it cannot be read (${code})`
    throw new ConfigInvalid(`${file}: ${why}`)
  }
}

/** Checks a text with an environment (this process's own), every adapter, and the files that it names. */
export async function checkText(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ParsedConfig> {
  // Only here: adapters bring every vendor's library with them, and who lists keys needs none.
  const [{ parseConfig }, { adapters, exporters }] = await Promise.all([
    import('../config.ts'),
    import('../../adapters/index.ts'),
  ])
  return parseConfig(text, {
    file,
    env,
    adapters,
    exporters,
    dialects: async () => (await import('../dialects/index.ts')).dialects,
    readFile: (path) => readFileSync(path, 'utf8'),
  })
}

/** Reads and checks a config file. @throws ConfigInvalid */
export async function loadConfig(file: string): Promise<{ config: Config; warnings: ConfigProblem[] }> {
  const parsed = await checkText(configText(file), file)
  if ('problems' in parsed) throw new ConfigInvalid(parsed.problems.map(problemLine).join('\n'))
  return parsed
}

/** `waypost.yaml:3:17  http.listen: expected host:port` */
export function problemLine({ file, line, column, path, message }: ConfigProblem): string {
  return `${file}:${line}:${column}  ${path === '' ? '' : `${path}: `}${message}`
}
