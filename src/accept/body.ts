/** The body of a request: what kind it is, and its bytes within the limit. */
import { Refusal } from './refusals.ts'

/** Up to this size a body of which the length is known comes as one piece, which spares the web stream. */
const longestWhole = 64 * 1024

/**
 * What the body claims to be: `application/json`, `message/rfc822`, …, without its parameters.
 * @throws Refusal `media_type` when it is none of `taken`, in another charset than UTF-8, or compressed
 */
export function mediaType(headers: Headers, taken: readonly string[]): string {
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') {
    throw new Refusal('media_type', 'Bodies are taken as they are, without Content-Encoding.')
  }
  const claimed = headers.get('content-type') ?? ''
  if (taken.includes(claimed)) return claimed
  const [type = '', ...parameters] = claimed.toLowerCase().split(';')
  const media = type.trim()
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='))
  if (!taken.includes(media)) throw new Refusal('media_type', `Content-Type must be ${taken.join(' or ')}.`)
  if (media === 'application/json' && charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) {
    throw new Refusal('media_type', 'JSON is UTF-8.')
  }
  return media
}

/** @throws Refusal `too_large` when the request itself says that its body is over `limit` bytes */
export function checkDeclaredSize(headers: Headers, limit: number): void {
  if (Number(headers.get('content-length') ?? 0) > limit) throw tooLarge(limit)
}

/**
 * The whole body. What names its length is read the server's quick way, the rest is counted as it comes.
 * @throws Refusal `too_large` over `limit` bytes, `malformed` when the client breaks off
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  checkDeclaredSize(request.headers, limit)
  if (request.headers.has('content-length')) {
    const bytes = await request.arrayBuffer().then(asBytes, brokenOff)
    if (bytes.length > limit) throw tooLarge(limit)
    return bytes
  }
  const pieces: Uint8Array[] = []
  for await (const piece of bodyPieces(request, limit)) pieces.push(piece)
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}

/**
 * The body in the pieces in which it arrives.
 * @throws Refusal `too_large` over `limit` bytes, `malformed` when the client breaks off
 */
export async function* bodyPieces(request: Request, limit: number): AsyncGenerator<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? longestWhole + 1) <= longestWhole) {
    yield await readBody(request, limit)
    return
  }
  const reader = request.body?.getReader()
  if (!reader) return
  let size = 0
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenOff)
      if (done) return
      size += value.length
      if (size > limit) throw tooLarge(limit)
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

const asBytes = (buffer: ArrayBuffer) => new Uint8Array(buffer)

function tooLarge(limit: number): Refusal {
  return new Refusal('too_large', `A request may have ${limit} bytes.`)
}

function brokenOff(): never {
  throw new Refusal('malformed', 'The body broke off.')
}

/** The body, unpacked when it came with gzip, within the limit both packed and unpacked. */
export async function unpacked(request: Request, limit: number): Promise<Uint8Array> {
  const coding = request.headers.get('content-encoding')?.toLowerCase() ?? 'identity'
  const bytes = request.body === null ? new Uint8Array() : await readBody(request, limit)
  if (coding === 'identity' || bytes.length === 0) return bytes
  if (coding !== 'gzip') throw new Refusal('media_type', 'Bodies are taken as they are, or with gzip.')
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))
  try {
    return await readBody(
      new Request('http://x', { method: 'POST', body: stream, duplex: 'half' } as RequestInit),
      limit,
    )
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('malformed', 'The body is not gzip.')
  }
}
