/** Certificate and key, read when the config is read, so that a missing file is a config error with its line. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Finding, Path } from './problems.ts'

/** PEM text. */
export interface Tls {
  cert: string
  key: string
}

/**
 * Reads the two files and makes sure that they belong together.
 * @param readFile answers the file's text, or throws
 */
export function readTls(
  files: { cert: string; key: string },
  path: Path,
  readFile: (path: string) => string,
  problem: (finding: Finding) => void,
): Tls | null {
  const read = <Parsed>(
    which: 'cert' | 'key',
    parse: (pem: string) => Parsed,
  ): { pem: string; parsed: Parsed } | null => {
    const tell = (message: string) => problem({ path: [...path, which], at: 'value', message })
    let pem: string
    try {
      pem = readFile(files[which])
    } catch (error) {
      tell(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`)
      return null
    }
    try {
      return { pem, parsed: parse(pem) }
    } catch {
      tell(`the file holds no ${which === 'cert' ? 'certificate' : 'private key without a passphrase'} in PEM`)
      return null
    }
  }
  const cert = read('cert', (pem) => new X509Certificate(pem))
  const key = read('key', (pem) => createPrivateKey(pem))
  if (!cert || !key) return null
  if (!cert.parsed.checkPrivateKey(key.parsed)) {
    problem({ path: [...path, 'key'], at: 'value', message: 'is not the key of this certificate' })
  }
  return { cert: cert.pem, key: key.pem }
}
