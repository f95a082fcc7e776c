/** `/docs`: the reference as a page, written from the OpenAPI document alone. No script, nothing from elsewhere. */
import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'

/** As much of OpenAPI 3.1 as our own document uses. */
interface Schema {
  $ref?: string
  type?: string | string[]
  maxLength?: number
  maxItems?: number
  format?: string
  enum?: unknown[]
  const?: unknown
  description?: string
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}
type Content = Record<string, { schema?: Schema; example?: unknown }>
interface Operation {
  summary?: string
  description?: string
  'x-scope'?: string
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[]
  requestBody?: { content: Content }
  responses: Record<string, { description: string; content?: Content }>
}
export interface Document {
  info: { title: string; version: string; description?: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const style = `
:root { color-scheme: light dark; --paper: light-dark(#f5f6f8, #10141a); --card: light-dark(#fff, #171d25); --ink: light-dark(#1a2230, #e6eaf0); --line: light-dark(#e0e4ea, #29323d); --soft: light-dark(#5a6575, #9ba6b5); --accent: light-dark(#0b6456, #62cdb9) }
body { font: 15px/1.55 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1.75rem 1.25rem 4rem; background: var(--paper); color: var(--ink); overflow-wrap: anywhere }
a { color: var(--accent) } h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 .5rem } h1 small { font-weight: 400 }
h2 { margin: 2.5rem 0 .3rem; font-size: 1.1rem } h3 { margin: 1.2rem 0 .4rem; font-size: .9rem; color: var(--soft) }
code, pre { font: .9em/1.5 ui-monospace, monospace } h2 code { font-size: 1em }
pre, table, nav { background: var(--card); border: 1px solid var(--line); border-radius: 8px } pre { padding: .8rem 1rem; overflow-x: auto }
table { border-spacing: 0; width: 100% } td { padding: .4rem .5rem; vertical-align: top } tr + tr td { border-top: 1px solid var(--line) }
td:first-child { padding-left: 1rem; min-width: 8rem } td:last-child { padding-right: 1rem } small { color: var(--soft) }
nav { padding: .8rem 1rem } nav ul { columns: 2; list-style: none; margin: 0; padding: 0 } nav p { margin: .8rem 0 0 }
@media (max-width: 46rem) {
  body { padding: 1.25rem 1rem 3rem } nav ul { columns: 1 } nav li { padding: .15rem 0 }
  td { display: block; padding: 0 1rem; border: 0 } td:first-child { padding-top: .5rem } td:last-child { padding-bottom: .5rem }
}`

const styleHash = createHash('sha256').update(style).digest('base64')

/** What the page may do: show itself. */
export const referenceHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** The page. */
export async function reference(document: Document): Promise<string> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  )
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${document.info.title}</title><style>${raw(style)}</style></head>
<body>
<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${prose(document.info.description)} The same as a document for machines: <a href="/openapi.json">openapi.json</a>. To look at mail: the <a href="/">dashboard</a>.</p>
<nav aria-label="Contents"><ul>${operations.map(({ name }) => html`<li><a href="#${anchor(name)}"><code>${name}</code></a></li>`)}</ul>
<p>Shapes: ${Object.keys(document.components.schemas).map((name, index) => html`${index > 0 ? ', ' : ''}<a href="#${name}">${name}</a>`)}</p></nav>
<main>
${operations.map(({ name, operation }) => section(name, operation))}
${Object.entries(document.components.schemas).map(
  ([name, schema]) => html`<h2 id="${name}">${name}</h2><p>${prose(schema.description)}</p>${fields(schema)}`,
)}
</main>
</body>
</html>`
  return String(await page)
}

function section(name: string, operation: Operation) {
  const { parameters = [], requestBody, responses } = operation
  return html`<h2 id="${anchor(name)}"><code>${name}</code></h2>
<p>${operation.summary ?? ''}. ${prose(operation.description)}${operation['x-scope'] ? html` <small>Scope ${operation['x-scope']}.</small>` : ''}</p>
${
  parameters.length > 0
    ? html`<h3>Parameters</h3><table>${parameters.map((parameter) =>
        row(
          parameter.name,
          parameter.schema ?? {},
          parameter.required ?? false,
          `In the ${parameter.in}. ${parameter.description ?? ''}`,
        ),
      )}</table>`
    : ''
}
${requestBody ? html`<h3>Body</h3>${bodies(requestBody.content)}` : ''}
<h3>Answers</h3>
<table>${Object.entries(responses).map(
    ([status, response]) =>
      html`<tr><td><code>${status}</code></td><td>${prose(response.description)}</td><td>${Object.values(
        response.content ?? {},
      ).map(({ schema }) => (schema ? kind(schema) : ''))}</td></tr>`,
  )}</table>`
}

function bodies(content: Content) {
  return Object.entries(content).map(
    ([media, { schema, example }]) => html`<p><code>${media}</code> ${schema ? kind(schema) : ''}</p>
${example === undefined ? '' : html`<pre>${JSON.stringify(example, null, 2)}</pre>`}`,
  )
}

function fields(schema: Schema) {
  const parts = [schema, ...(schema.allOf ?? [])]
  const own = parts.flatMap((part) =>
    Object.entries(part.properties ?? {}).map(([name, field]) =>
      row(name, field, part.required?.includes(name) ?? false),
    ),
  )
  return own.length > 0 ? html`<table>${own}</table>` : html`<p>${kind(schema)}</p>`
}

function row(name: string, schema: Schema, required: boolean, description = schema.description ?? '') {
  const fallback = schema.default === undefined ? '' : html` Default <code>${String(schema.default)}</code>.`
  return html`<tr><td><code>${name}</code>${required ? '' : html` <small>optional</small>`}</td><td>${kind(schema)}</td><td>${prose(description)}${fallback}</td></tr>`
}

/** What a value is, in a word or a link. */
function kind(schema: Schema): ReturnType<typeof html> | string {
  const either = schema.anyOf ?? schema.oneOf
  if (schema.$ref) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)
    return html`<a href="#${name}">${name}</a>`
  }
  if (schema.allOf) return html`${schema.allOf.filter((part) => part.$ref).map(kind)}`
  if (either) return html`${either.map((one, index) => html`${index > 0 ? ' or ' : ''}${kind(one)}`)}`
  if (schema.enum) return schema.enum.join(', ')
  if (schema.items) return html`list of ${schema.maxItems ? `at most ${schema.maxItems}: ` : ''}${kind(schema.items)}`
  if (typeof schema.additionalProperties === 'object') return html`object of ${kind(schema.additionalProperties)}`
  if (schema.properties) return html`{ ${Object.keys(schema.properties).join(', ')} }`
  const note = schema.format ? ` (${schema.format})` : schema.maxLength ? `, at most ${schema.maxLength}` : ''
  return [schema.type ?? 'anything'].flat().join(' or ') + note
}

/** A description; what stands between backticks is code. */
function prose(text = '') {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

function anchor(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
}
