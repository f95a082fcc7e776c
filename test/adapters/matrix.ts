/**
 * The capability matrix in `adapters/README.md`, made from what the adapters say of themselves.
 * `node test/adapters/matrix.ts` writes it there; a test fails while it is not what it should be.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Adapter, Features } from '../../src/mail/adapter.ts'

const folder = new URL('../../adapters/', import.meta.url)
const readme = new URL('README.md', folder)

/** The README as it is, and as it should be. */
export async function matrixInReadme(): Promise<{ is: string; should: string }> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts') && name !== 'index.ts').sort()
  const found = await Promise.all(
    files.map(async (name) => ((await import(new URL(name, folder).href)) as { default: Adapter }).default),
  )
  // An exporter is no way out.
  const adapters = found.filter(({ features }) => features !== undefined)
  const is = await readFile(readme, 'utf8')
  const should = within(within(is, 'matrix', matrix(adapters)), 'settings', settings(adapters))
  return { is, should }
}

/** The text with another piece between the marks of that name. */
function within(text: string, mark: string, piece: string): string {
  const marked = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*(<!-- /${mark} -->)`)
  return text.replace(marked, (_, begin, end) => begin + piece + end)
}

/** Every adapter's own settings, one row each, with `via: smtp` apart. */
function settings(adapters: readonly Adapter[]): string {
  const rows = adapters.flatMap((adapter) => [
    ...settingsOf(`\`${adapter.name}\``, adapter),
    ...(adapter.smtp ? settingsOf(`\`${adapter.name}\`, \`via: smtp\``, adapter.smtp) : []),
  ])
  return `| adapter | setting | what it is |\n| --- | --- | --- |\n${rows.join('')}`
}

function settingsOf(who: string, adapter: Adapter): string[] {
  const schema = z.toJSONSchema(adapter.options, { io: 'input', unrepresentable: 'any' })
  return Object.entries(schema.properties ?? {}).map(([name, setting]) => {
    const { description = '', default: usual } = setting as { description?: string; default?: unknown }
    const must = schema.required?.includes(name) ? ' (required)' : ''
    const told = usual === undefined ? description : `${description.replace(/\.?$/, '.')} Default: \`${usual}\``
    return `| ${who} | \`${name}\`${must} | ${told.replaceAll('|', '\\|').replaceAll('\n', ' ')} |\n`
  })
}

const columns: [title: string, cell: (adapter: Adapter) => string][] = [
  ['adapter', ({ name }) => `\`${name}\``],
  [
    'called by',
    // Not every `call` is an SDK's: some ask for a token first.
    ({ send, title }) =>
      send.kind === 'sdk' && !/\bSDK$/.test(title)
        ? 'HTTP, by a token'
        : { http: 'HTTP', sdk: 'its SDK', smtp: 'SMTP', mx: 'SMTP to MX', keep: 'not' }[send.kind],
  ],
  ['takes', ({ features }) => features.forms.join(', ')],
  [
    'size',
    ({ features }) => (Number.isFinite(features.maxBytes) ? `${Math.floor(features.maxBytes / 1_000_000)} MB` : 'any'),
  ],
  [
    'recipients a call',
    ({ features }) =>
      (Number.isFinite(features.maxRecipients) ? String(features.maxRecipients) : 'any') +
      (features.cc === false ? ', no Cc' : ''),
  ],
  ['Reply-To', ({ features }) => String(features.maxReplyTo ?? 'any')],
  ['attachments', ({ features }) => (features.attachments ? (features.inline ? 'yes, inline too' : 'yes') : 'no')],
  ['tags', ({ features }) => (Number.isFinite(features.maxTags) ? String(features.maxTags) : 'any')],
  ['metadata', ({ features }) => (features.metadata ? 'yes' : 'no')],
  ['mails by', ({ features }) => mailsBy(features)],
  [
    'return-path',
    ({ features }) => ({ any: 'as we say', domain: 'its domain', fixed: "the vendor's" })[features.returnPath],
  ],
  ['SMTPUTF8', ({ features }) => (features.smtpUtf8 ? 'yes' : 'no')],
  [
    'headers refused',
    ({ features }) => features.headersRefused.map((name) => `\`${name}\``.replaceAll('|', '\\|')).join(' '),
  ],
  ['after an unknown', (adapter) => afterUnknown(adapter)],
  ['by SMTP too', ({ smtp }) => (smtp ? '`via: smtp`' : '')],
  ['tells', ({ webhook }) => webhook?.tells.join(', ') ?? ''],
  ['its suppressions', ({ suppressions }) => (suppressions ? 'can be read' : '')],
  ['From domains', ({ identity }) => (identity ? 'can be asked about' : '')],
]

function matrix(adapters: readonly Adapter[]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |\n`
  return [
    row(columns.map(([title]) => title)),
    row(columns.map(() => '---')),
    ...adapters.map((adapter) => row(columns.map(([, cell]) => cell(adapter)))),
  ].join('')
}

function mailsBy({ addressing }: Features): string {
  if (typeof addressing === 'string') return addressing
  return addressing.raw === addressing.parts ? addressing.raw : `${addressing.raw} (raw), ${addressing.parts} (parts)`
}

function afterUnknown(adapter: Adapter): string {
  const { idempotency } = adapter.features
  if (idempotency) return `the same ${idempotency.by} for ${hours(idempotency.window)}: ${idempotency.replay}`
  return adapter.reconcile ? 'ask the vendor' : 'wait'
}

function hours(milliseconds: number): string {
  return milliseconds < 3_600_000 ? `${milliseconds / 60_000} min` : `${milliseconds / 3_600_000} h`
}

if (import.meta.main) await writeFile(readme, (await matrixInReadme()).should)
