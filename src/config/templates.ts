/** Templates that stand in for those which vendors keep: their files, read and understood when the config is read. */
import type { Dialect, StoredTemplate, TemplatePart, Templates } from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import { didYouMean, type Finding } from './problems.ts'
import type { TemplateShape } from './schema.ts'

interface Sources {
  dialects?: () => Promise<readonly Dialect[]>
  readFile?: (path: string) => string
}

/** By the name of the dialect. A file that cannot be read, or a template that cannot be understood, is a problem. */
export async function readTemplates(
  given: Readonly<Record<string, Readonly<Record<string, TemplateShape>>>>,
  { dialects, readFile = noFiles }: Sources,
  problem: (finding: Finding) => void,
): Promise<ReadonlyMap<string, Templates>> {
  if (Object.keys(given).length === 0) return new Map()
  const all = (await dialects?.()) ?? []
  const able = all.filter(({ wrongTemplate }) => wrongTemplate !== undefined)
  const read = new Map<string, Templates>()
  for (const [name, templates] of Object.entries(given)) {
    const dialect = able.find((one) => one.name === name)
    if (dialect === undefined) {
      const names = able.map((one) => one.name)
      const message = `there is no dialect of this name with templates${didYouMean(name, names)}. Those with templates: ${names.join(', ')}`
      problem({ path: ['templates', name], at: 'key', message })
      continue
    }
    const tell = (id: string, field: string, message: string) =>
      problem({ path: ['templates', name, id, field], at: 'value', message })
    const each = Object.entries(templates).map(
      ([id, shape]) => [id, readOne(shape, dialect, readFile, (field, message) => tell(id, field, message))] as const,
    )
    read.set(name, new Map(each))
  }
  return read
}

function readOne(
  { html, text, subject, from, language }: TemplateShape,
  { wrongTemplate }: Dialect,
  readFile: (path: string) => string,
  tell: (field: string, message: string) => void,
): StoredTemplate {
  const template: StoredTemplate = {}
  if (language !== undefined) template.language = language
  if (from !== undefined) {
    template.from = from
    if (everyMailboxIn(from)?.length !== 1) tell('from', 'is no mailbox, such as Ann <ann@example.com>')
  }
  const understand = (part: TemplatePart, source: string, file: string | null) => {
    template[part] = source
    const wrong = wrongTemplate?.(source, part, language) ?? null
    if (wrong !== null) tell(part, `${file === null ? '' : `${file}: `}the template cannot be read: ${wrong}`)
  }
  if (subject !== undefined) understand('subject', subject, null)
  for (const [part, file] of [['html', html] as const, ['text', text] as const]) {
    if (file === undefined) continue
    let source: string
    try {
      source = readFile(file)
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
      tell(part, `the file ${file} cannot be read (${why})`)
      continue
    }
    understand(part, source, file)
  }
  return template
}

/** For who reads a config where there are no files. */
export function noFiles(): string {
  throw new Error('no files can be read here')
}
