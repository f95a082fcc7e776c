/** No, said over HTTP: RFC 9457 problem documents, and JSON pointers (RFC 6901) to the fields that are wrong. */
import { z } from '@hono/zod-openapi'
import { Refusal, type RefusalCode, refusals } from './refusals.ts'

export interface FieldError {
  /** RFC 6901; `''` is the whole document. */
  pointer: string
  detail: string
}

/** A problem document. `code` is ours, stable, and the last part of `type`. */
export const problem = z
  .object({
    type: z.string().openapi({ example: 'urn:waypost:invalid' }),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problem>

/** How many wrong fields one answer names. */
const mostErrors = 50

/** Seconds after which trying again is worth it, where the refusal itself names none. */
const patience: Partial<Record<RefusalCode, number>> = { in_flight: 1, rate: 1, unavailable: 5, stopping: 5, full: 60 }

/** What every JSON answer says besides: it is one caller's, and it is what it says it is. */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

const internal: Problem = {
  type: 'urn:waypost:internal',
  title: 'Something went wrong on our side',
  status: 500,
  detail: 'This is a bug in Waypost; its log says more.',
  code: 'internal',
}

/** The problem document of a refusal, or of a bug when it is null: nothing of our insides is told. */
export function problemOf(refusal: Refusal | null): Problem {
  if (refusal === null) return internal
  const { http, title } = refusals[refusal.code]
  return {
    type: `urn:waypost:${refusal.code}`,
    title,
    status: http,
    detail: refusal.message,
    code: refusal.code,
    ...(refusal.errors.length > 0 ? { errors: refusal.errors.slice(0, mostErrors) } : {}),
  }
}

/** A problem as an answer, with the headers its status asks for. */
export function problemAnswer(refusal: Refusal | null, headers: Record<string, string> = {}): Response {
  const problem = problemOf(refusal)
  const wait = refusal === null ? undefined : (refusal.retryAfter ?? patience[refusal.code])
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      ...answerHeaders,
      'content-type': 'application/problem+json',
      ...(wait === undefined ? {} : { 'retry-after': String(Math.ceil(wait)) }),
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...headers,
    },
  })
}

/** A JSON pointer to `path`. Long keys are cut: they are the client's own. */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${cut(String(step)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** A refusal for wrong fields; the first of them is told in its detail too. */
export function fieldProblems(code: RefusalCode, errors: FieldError[]): Refusal {
  const [first] = errors
  const more = errors.length > 1 ? ` And ${errors.length - 1} more.` : ''
  return new Refusal(code, `${first?.pointer || 'The body'}: ${first?.detail}${more}`, { errors })
}

/** What zod found wrong, one entry a field. Of a union, the branch that came closest speaks. */
export function fieldErrors(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[] = []): FieldError[] {
  return issues.flatMap((issue): FieldError[] => {
    const path = [...base, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: pointer([...path, key]), detail: 'There is no such field.' }))
    }
    if (issue.code === 'invalid_union') {
      const closest = issue.errors.findLast((branch) => branch.some(isInside))
      if (closest) return fieldErrors(closest, path)
    }
    if (issue.code === 'invalid_key') {
      return [{ pointer: pointer(path), detail: issue.issues[0]?.message ?? issue.message }]
    }
    return [{ pointer: pointer(path), detail: issue.message }]
  })
}

/** Whether the value was of this branch's kind, so that what is wrong lies inside it. */
function isInside(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return true
  if (issue.code === 'invalid_union') return issue.errors.some((branch) => branch.some(isInside))
  return issue.code !== 'invalid_type'
}

function cut(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
