/** What several dialects need to tell events: kinds of bounces, addresses that were clicked, times. Pure. */
import { bounceByStatus } from '../mail/bounce-kind.ts'
import type { MailEvent } from '../mail/event.ts'

/** The kind of a bounce, as its vendor or its reply told it; without either, one that may pass. */
export function bounceKind({ detail }: MailEvent): 'hard' | 'soft' | 'block' {
  const said = /^(hard|soft|block) bounce\b/.exec(detail ?? '')?.[1] as 'hard' | 'soft' | 'block' | undefined
  return said ?? bounceByStatus(detail) ?? 'soft'
}

/** The reason of an event, without the kind of bounce before it. */
export function reason({ detail }: MailEvent): string {
  return (detail ?? '').replace(/^(?:hard|soft|block) bounce(?:: |$)/, '')
}

/** The address that was clicked. */
export function clicked({ detail }: MailEvent): string {
  return /https?:\/\/\S+/.exec(detail ?? '')?.[0] ?? detail ?? ''
}

/** `2027-01-31 09:30:00`, in UTC. */
export function spacedTime(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

export function seconds(at: number): number {
  return Math.floor(at / 1000)
}

/** Some bytes that nobody guesses, as hex. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
}
