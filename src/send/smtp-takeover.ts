/**
 * The socket of a connection that nodemailer opened, for us to go on with: it connects, starts TLS and authenticates well, but
 * its transactions cost several times what they need. The one place that knows its inside.
 */
import { Socket } from 'node:net'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'

const events = {
  data: '_onSocketData',
  timeout: '_onSocketTimeout',
  close: '_onSocketClose',
  end: '_onSocketEnd',
  error: '_onSocketError',
} as const

type Inside = Record<(typeof events)[keyof typeof events], (...args: unknown[]) => void> & {
  _socket: unknown
  /** Latin-1. */
  _remainder: string
  _responseQueue: string[]
}

/**
 * Takes the socket away from `connection`, which must not be used any more. To be called in the turn of its callback: in a later
 * one it may have read on.
 * @returns the socket and what had come without being looked at; null when this nodemailer is not the one we know
 */
export function takeOver(connection: SMTPConnection): { socket: Socket; early: Buffer } | null {
  const inside = connection as unknown as Inside
  const socket = inside._socket
  if (!(socket instanceof Socket)) return null
  for (const [event, listener] of Object.entries(events)) {
    if (!socket.listeners(event).includes(inside[listener])) return null
    socket.removeListener(event, inside[listener])
  }
  const early = [...inside._responseQueue.splice(0), inside._remainder].join('\n')
  inside._remainder = ''
  return { socket, early: Buffer.from(early, 'latin1') }
}
