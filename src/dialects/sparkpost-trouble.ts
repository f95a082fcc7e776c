/** What can be wrong with a SparkPost transmission, by its codes. */
import { type Trouble, Untranslatable } from '../mail/dialect.ts'
import { TemplateError } from './expression.ts'
import { TemplateProblem } from './sparkpost-template.ts'

/** What would have to be kept here: templates, lists of recipients, tests. */
export function notHere(what: string, name: unknown): Untranslatable {
  const detail = `${what} '${String(name).slice(0, 100)}' is not kept here: send it with the request`
  return new Untranslatable({ code: '1603', detail: 'Subresource not found', errors: [{ field: what, detail }] })
}

export function missing(field: string, detail: string): Untranslatable {
  return new Untranslatable({ code: '1400', detail: 'required field is missing', errors: [{ field, detail }] })
}

/** @throws what is no trouble with the content */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Untranslatable) return error.trouble
  if (!(error instanceof TemplateProblem || error instanceof TemplateError)) throw error
  const detail = 'substitution language syntax error in template content'
  return { status: 422, code: '3000', detail, errors: [{ field: 'content', detail: error.message }] }
}
