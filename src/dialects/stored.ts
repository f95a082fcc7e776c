/**
 * Templates of the config that stand in for those which a vendor keeps: found by the vendor's id, and written out in the vendor's
 * language or the one that the config names. Pure.
 */
import type { Asked, Dialect, StoredTemplate, TemplateLanguage, TemplatePart } from '../mail/dialect.ts'
import { everyMailboxIn } from '../mail/headers.ts'
import type { Mailbox } from '../mail/message.ts'
import { checkHandlebars, handlebars } from './handlebars.ts'
import { checkJinja, type Language, rendered } from './jinja.ts'

export type Values = Readonly<Record<string, unknown>>

/** The text of a template. @throws TemplateError */
export type Write = (source: string, values: Values, html: boolean) => string

/** Throws for what cannot be read. */
type Check = (source: string, part: TemplatePart) => void

/** The template under the first of these ids that is one; null when there is none. */
export function storedTemplate({ templates }: Asked, ...ids: unknown[]): StoredTemplate | null {
  const id = ids.find((one) => typeof one === 'string' || typeof one === 'number')
  return id === undefined ? null : (templates.get(String(id)) ?? null)
}

/** Who sends where the call does not say. */
export function senderOf({ from }: StoredTemplate): Mailbox | undefined {
  return from === undefined ? undefined : everyMailboxIn(from)?.[0]
}

/** The parts of a template that there are, with values put in. @throws TemplateError */
export function written(
  template: StoredTemplate,
  values: Values,
  own: Write,
): { subject: string | undefined; html: string | undefined; text: string | undefined } {
  const write = template.language === undefined ? own : languages[template.language].write
  const part = (name: TemplatePart) => {
    const source = template[name]
    return source === undefined ? undefined : write(source, values, name === 'html')
  }
  return { subject: part('subject')?.replace(/[\r\n]+/g, ' '), html: part('html'), text: part('text') }
}

const names = (values: Values): Language => ({
  root: (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
})

export const languages: Record<TemplateLanguage, { write: Write; check: Check }> = {
  handlebars: { write: (source, values, html) => handlebars(source, values, html), check: checkHandlebars },
  mustache: {
    write: (source, values, html) => handlebars(source, values, html, { as: 'mustache' }),
    check: checkHandlebars,
  },
  jinja: {
    write: (source, values, html) => rendered(source, names(values), html),
    check: (source) => checkJinja(source, names({})),
  },
}

/** How a dialect says what is wrong with a template. @param own throws for what is not of the vendor's own language */
export function checking(own: Check): NonNullable<Dialect['wrongTemplate']> {
  return (source, part, language) => {
    try {
      const check = language === undefined ? own : languages[language].check
      check(source, part)
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
