/**
 * AWS Signature Version 4: what signs a call by the time, the address, the headers and the body together. All that goes in is an
 * argument. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { digest, hex, hmac } from './signature.ts'

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
