/** Load over Waypost's own HTTP API that costs the machine little: the request is made once, and answers are read only when they refuse. */
import { Pool } from 'undici'
import { failure, type Load } from './tally.ts'

export interface HttpTarget {
  /** `http://127.0.0.1:8025` */
  url: string
  key?: string | undefined
  /** As `POST /v1/messages` takes it. */
  message: object
}

/** Posts the message so often; resolves when all were answered. What the gateway says is told by `answered`, never thrown. */
export async function httpLoad(target: HttpTarget, { messages, connections, signal, answered }: Load): Promise<void> {
  const url = new URL(target.url)
  const pool = new Pool(url.origin, { connections, pipelining: 1 })
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (target.key !== undefined) headers.authorization = `Bearer ${target.key}`
  const path = `${url.pathname.replace(/\/+$/, '')}/v1/messages`
  const body = JSON.stringify(target.message)
  const abort = () => void pool.destroy()
  signal?.addEventListener('abort', abort)
  const post = () =>
    new Promise<void>((resolve) => {
      const began = performance.now()
      let status = 0
      let said = ''
      const end = (answer: { accepted: boolean; code: string; said: string }) => {
        if (!signal?.aborted) answered({ ...answer, milliseconds: performance.now() - began })
        resolve()
      }
      pool.dispatch(
        { path, method: 'POST', headers, body },
        {
          onRequestStart() {},
          onResponseStart(_controller, code) {
            status = code
          },
          onResponseData(_controller, chunk) {
            if (status !== 202 && said.length < 1_000) said += chunk.toString('utf8')
          },
          onResponseEnd: () => end({ accepted: status === 202, code: String(status), said: problem(said) }),
          onResponseError: (_controller, error) => end(failure(error)),
        },
      )
    })
  let left = messages
  const lane = async () => {
    while (left-- > 0 && !signal?.aborted) await post()
  }
  await Promise.all(Array.from({ length: Math.min(connections, messages) }, lane))
  signal?.removeEventListener('abort', abort)
  if (!signal?.aborted) await pool.close()
}

/** The sentence of a problem (RFC 9457), or what was said as it is. */
function problem(text: string): string {
  try {
    const { title, detail } = JSON.parse(text) as { title?: unknown; detail?: unknown }
    return String(detail ?? title ?? text)
  } catch {
    return text
  }
}
