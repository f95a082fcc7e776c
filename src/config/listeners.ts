/** Where the gateway listens: addresses, certificates, and who may come in. */
import type { Finding } from './problems.ts'
import type { ConfigShape } from './schema.ts'
import { readTls, type Tls } from './tls.ts'
import { isLoopback, type Listen } from './units.ts'

export interface Listeners {
  http: { listen: Listen; maxSize: number; tls: Tls | null }
  smtp: {
    listen: Listen
    maxSize: number
    tls: Tls | null
    /** Implicit TLS; needs `tls`. */
    tlsListen: Listen | null
    auth: 'required' | 'optional'
    maxConnections: number
    maxRecipients: number
  }
}

/**
 * @param open whether there are no keys, so that everyone may come in
 * @param readFile answers the text of a certificate or key file, or throws
 */
export function readListeners(
  { http, smtp }: Pick<ConfigShape, 'http' | 'smtp'>,
  open: boolean,
  readFile: (path: string) => string,
  problem: (finding: Finding) => void,
): Listeners {
  const addresses: { path: string[]; listen: Listen }[] = [
    { path: ['http', 'listen'], listen: http.listen },
    { path: ['smtp', 'listen'], listen: smtp.listen },
    ...(smtp.tlsListen ? [{ path: ['smtp', 'tlsListen'], listen: smtp.tlsListen }] : []),
  ]
  for (const [index, { path, listen }] of addresses.entries()) {
    const tell = (message: string) => problem({ path, at: 'value', message })
    if (open && !isLoopback(listen)) {
      tell('without keys anyone could send; listen on 127.0.0.1 or [::1], or add a key ("waypost keys create")')
    }
    const taken = addresses.slice(0, index).find((other) => listen.port !== 0 && same(other.listen, listen))
    if (taken) tell(`${taken.path.join('.')} listens there already`)
  }
  if (smtp.tlsListen && !smtp.tls) {
    problem({ path: ['smtp', 'tlsListen'], at: 'key', message: 'needs smtp.tls: {cert, key}' })
  }
  if (open && smtp.auth === 'required') {
    problem({
      path: ['smtp', 'auth'],
      at: 'value',
      message: 'without keys nobody could log in; add a key ("waypost keys create")',
    })
  }
  return {
    http: { ...http, tls: http.tls ? readTls(http.tls, ['http', 'tls'], readFile, problem) : null },
    smtp: {
      ...smtp,
      tls: smtp.tls ? readTls(smtp.tls, ['smtp', 'tls'], readFile, problem) : null,
      tlsListen: smtp.tlsListen ?? null,
      auth: smtp.auth ?? (open ? 'optional' : 'required'),
    },
  }
}

/** Whether two listeners would want the same port of the same address; every address of the machine includes each. */
function same(one: Listen, other: Listen): boolean {
  return one.port === other.port && (one.host === other.host || one.host === '' || other.host === '')
}
