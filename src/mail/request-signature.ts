/**
 * AWS Signature Version 4: what signs a call by the time, the address, the headers and the body together. All that goes in is an
 * argument. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { digest, hex, hmac, same } from './signature.ts'

export interface SigningKey {
  accessKeyId: string
  secretAccessKey: string
  /** Of temporary credentials. */
  sessionToken?: string | undefined
  region: string
  service: string
}

export interface Unsigned {
  method: string
  /** Its path as it is to be sent. */
  url: string
  /** All of them are signed. */
  headers: Readonly<Record<string, string>>
  body: string | Uint8Array
}

/**
 * The headers of the request with those that sign it; `host` is signed and left to whoever makes the call.
 * @param at the time, in milliseconds: the far end takes it for five minutes or so
 */
export async function signedHeaders(request: Unsigned, key: SigningKey, at: number): Promise<Record<string, string>> {
  const url = new URL(request.url)
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/${key.region}/${key.service}/aws4_request`
  const headers: Record<string, string> = {
    ...request.headers,
    'x-amz-date': time,
    ...(key.sessionToken === undefined ? {} : { 'x-amz-security-token': key.sessionToken }),
  }
  const fields = Object.entries({ ...headers, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const names = fields.map(([name]) => name).join(';')
  const canonical = [
    request.method,
    url.pathname.split('/').map(encoded).join('/'),
    sortedQuery(url.searchParams),
    ...fields.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    hex(await digest('SHA-256', request.body)),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', time, scope, hex(await digest('SHA-256', canonical))].join('\n')
  let signing: string | Uint8Array = `AWS4${key.secretAccessKey}`
  for (const step of [...scope.split('/'), toSign]) signing = await hmac('SHA-256', signing, step)
  const credential = `Credential=${key.accessKeyId}/${scope}`
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${hex(signing as Uint8Array)}`
  return { ...headers, authorization }
}

function sortedQuery(query: URLSearchParams): string {
  return [...query]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
}

/** All but letters, digits, `-`, `.`, `_` and `~` in percent signs. A path comes encoded, and is encoded once more. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** What the Authorization header of a signed request says. */
export interface Signed {
  accessKeyId: string
  region: string
  service: string
  /** The headers that are signed, by their lower-case names. */
  names: string[]
  signature: string
}

/** Null for what is not signed in this way. */
export function signedAs(authorization = ''): Signed | null {
  if (!authorization.startsWith('AWS4-HMAC-SHA256 ')) return null
  const said = (name: string) => new RegExp(`[ ,]${name}=([^, ]+)`).exec(authorization)?.[1] ?? ''
  const [accessKeyId, , region, service, end] = said('Credential').split('/')
  const [names, signature] = [said('SignedHeaders').toLowerCase().split(';'), said('Signature')]
  if (!accessKeyId || !region || !service || end !== 'aws4_request' || signature === '') return null
  return { accessKeyId, region, service, names, signature }
}

/** When a request was signed, in milliseconds, by its `x-amz-date`; null when it does not say. */
export function signedAt(headers: Readonly<Record<string, string>>): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers['x-amz-date'] ?? '')?.slice(1)
  if (!parts) return null
  const at = Date.parse(`${parts.slice(0, 3).join('-')}T${parts.slice(3).join(':')}Z`)
  return Number.isNaN(at) ? null : at
}

/**
 * Whether a request is signed with this secret: it is signed here once more, for each of the hosts it may have been meant for, and
 * compared. Says nothing of when that was.
 * @param request `url` as it came; `headers` by lower-case names
 */
export async function isSignedWith(secretAccessKey: string, request: Unsigned, signed: Signed): Promise<boolean> {
  const { names, accessKeyId, region, service } = signed
  const at = signedAt(request.headers)
  if (at === null || !names.includes('host') || !names.includes('x-amz-date')) return false
  const headers: Record<string, string> = {}
  for (const name of names) {
    if (name === 'host' || name === 'x-amz-date') continue
    if (!Object.hasOwn(request.headers, name)) return false
    headers[name] = request.headers[name]!
  }
  // Behind a proxy it is the host that the client called.
  for (const host of [request.headers.host, request.headers['x-forwarded-host']?.split(',', 1)[0]?.trim()]) {
    if (host === undefined || !/^[\w.:[\]-]+$/.test(host)) continue
    const { pathname, search } = new URL(request.url)
    // A scheme whose own port it is not, so that the host stays as it was written.
    const url = `${host.endsWith(':80') ? 'https' : 'http'}://${host}${pathname}${search}`
    const again = await signedHeaders(
      { ...request, url, headers },
      { accessKeyId, secretAccessKey, region, service },
      at,
    )
    if (same(signedAs(again.authorization)!.signature, signed.signature)) return true
  }
  return false
}
