/** Every exporter by its name in the config. */
import type { Exporter, Exporters } from '../src/mail/exporter.ts'

const files: Record<string, () => Promise<{ default: unknown }>> = {
  postmastery: () => import('./postmastery.ts'),
}

export const exporters: Exporters = new Map(
  Object.entries(files).map(([name, load]) => [name, async () => (await load()).default as Exporter]),
)
