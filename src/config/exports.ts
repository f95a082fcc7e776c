/** Exports: services that are told how deliveries go, each with settings that its exporter checks. */
import type { Exporter, Exporters } from '../mail/exporter.ts'
import { didYouMean, type Finding, findings, words } from './problems.ts'
import { strict } from './providers.ts'

/** Reads one export. @returns null when something is wrong with it, which `problem` was told */
export async function readExport(
  name: string,
  given: Readonly<Record<string, unknown>>,
  exporters: Exporters,
  problem: (finding: Finding) => void,
): Promise<{ exporter: Exporter; options: unknown } | null> {
  const path = ['exports', name]
  const load = exporters.get(name)
  if (!load) {
    const known = [...exporters.keys()]
    problem({
      path,
      at: 'key',
      message: `there is no such exporter${didYouMean(name, known)}. Exporters: ${known.join(', ')}`,
    })
    return null
  }
  const exporter = await load()
  const options = strict(exporter.options).safeParse(given, { error: words })
  for (const finding of findings(options.error, path)) problem(finding)
  return options.success ? { exporter, options: options.data } : null
}
