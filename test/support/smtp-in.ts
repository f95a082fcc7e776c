/** The SMTP listener on a free port, before a door in memory. */
import type { TestContext } from 'node:test'
import type { Key } from '../../src/accept/auth.ts'
import { type Smtp, type SmtpParts, startSmtp } from '../../src/accept/smtp.ts'
import type { Config } from '../../src/config.ts'
import { MemoryDoor } from './memory-door.ts'

export interface SmtpIn {
  door: MemoryDoor
  /** Change it as a reload would. */
  config: { smtp: Config['smtp']; keys: Key[] }
  smtp: Smtp
  port: number
  tlsPort: number
  log: string[]
}

/** @param t closes it when the test is over */
export async function smtpIn(
  t: Pick<TestContext, 'after'>,
  settings: Partial<Config['smtp']> & { keys?: Key[] } & Pick<SmtpParts, 'patience' | 'isStranger'> = {},
): Promise<SmtpIn> {
  const { keys = [], patience = {}, isStranger, ...smtpSettings } = settings
  const door = new MemoryDoor()
  const log: string[] = []
  const config: SmtpIn['config'] = {
    keys,
    smtp: {
      listen: { host: '127.0.0.1', port: 0 },
      maxSize: 1_000_000,
      tls: null,
      tlsListen: null,
      auth: 'optional',
      maxConnections: 500,
      maxRecipients: 100,
      ...smtpSettings,
    },
  }
  const smtp = await startSmtp({
    config: () => config,
    door,
    clock: () => Date.UTC(2026, 0, 31, 9, 30),
    log: (line) => log.push(line),
    patience,
    ...(isStranger && { isStranger }),
  })
  t.after(() => smtp.close())
  const port = smtp.listening[0]!.port
  return { door, config, smtp, port, tlsPort: smtp.listening[1]?.port ?? 0, log }
}
