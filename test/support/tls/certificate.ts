import { readFileSync } from 'node:fs'

/** See README.md: for tests only. */
export const testCertificate = {
  cert: readFileSync(new URL('./test-only-cert.pem', import.meta.url), 'utf8'),
  key: readFileSync(new URL('./test-only-key.pem', import.meta.url), 'utf8'),
}
