/** What it means that no answer came. */
import { diagnostic, type Outcome } from '../mail/outcome.ts'

/** Our own trouble (`ABORTED`: we are stopping): any other provider would fail the same way. */
const ownTrouble = new Set([
  'ABORTED',
  'EAI_AGAIN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
])

/** The request could not even be written (a line break in a key, say): the provider's settings are wrong. */
const badRequest = new Set(['UND_ERR_INVALID_ARG', 'ERR_INVALID_CHAR', 'ERR_INVALID_URL'])

/**
 * The outcome of a call that got no whole answer.
 * @param error what the socket, TLS, the resolver or the HTTP parser said
 * @param handedOver whether the whole request may have left this machine. Before that nothing can have been sent, for the far
 *   end knows by Content-Length that it has not got all; after that only the far end knows
 */
export function unanswered(error: unknown, handedOver: boolean): Outcome {
  const code = errorCode(error)
  const said = diagnostic(code, error instanceof Error ? error.message : String(error))
  if (handedOver) return { kind: 'unknown', diagnostic: said }
  if (badRequest.has(code)) return { kind: 'rejected', cause: 'account', diagnostic: said }
  return { kind: 'deferred', cause: ownTrouble.has(code) ? 'network' : 'provider', diagnostic: said }
}

/** The most telling code in an error and its causes: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `UND_ERR_CONNECT_TIMEOUT`. */
export function errorCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    if ('code' in at && typeof at.code === 'string' && at.code !== '') return at.code
    // Both address families failed: the first to fail speaks for both.
    at = at.cause ?? (at instanceof AggregateError ? at.errors[0] : undefined)
  }
  return error instanceof Error ? error.name : 'ERROR'
}
