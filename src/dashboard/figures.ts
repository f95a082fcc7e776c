/** Times, sizes, shares and states, short for the eye and whole on hover. */
import { html } from 'hono/html'
import type { Html } from './parts.ts'

const number = new Intl.NumberFormat('en')
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })

export const count = (value: number): string => number.format(value)

const cents = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** Money, in whichever unit the config has it. */
export const money = (value: number): string => cents.format(value)

/** `1 message`, `3 messages`. */
export const counted = (value: number, one: string): string => `${count(value)} ${one}${value === 1 ? '' : 's'}`

const steps = [
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'min'],
  [86_400_000, 3_600_000, 'h'],
  [7 * 86_400_000, 86_400_000, 'd'],
] as const

/** A time as its distance from now, or its day when that is over a week; the exact time (UTC) on hover. */
export function when(at: number, now: number): Html {
  const away = Math.abs(now - at)
  const step = steps.find(([below]) => away < below)
  let words = day.format(at)
  if (away < 5000) words = 'just now'
  else if (step) {
    const distance = `${Math.floor(away / step[1])} ${step[2]}`
    words = at > now ? `in ${distance}` : `${distance} ago`
  }
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}" title="${iso.slice(0, 19).replace('T', ' ')} UTC">${words}</time>`
}

/** A moment in full, for a timeline. */
export function exactly(at: number): Html {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)}</time>`
}

/** Nothing to say in this cell; left out where cells stand one under the other. */
export const none = html`<span class="none">–</span>`

/** Bytes, in powers of ten. */
export function size(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'byte')
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** Milliseconds an answer took. */
export function took(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** A share between 0 and 1, never rounded up to 100 %. */
export function percent(share: number): string {
  return `${(Math.floor(share * 1000) / 10).toFixed(share === 1 ? 0 : 1)} %`
}

/** What a state means to the person looking: all is well, on its way, look here, bad, over. */
const tones: Record<string, 'good' | 'wait' | 'look' | 'bad' | 'over'> = {
  ...{ sent: 'good', delivered: 'good', accepted: 'good', ready: 'good', opened: 'good', clicked: 'good' },
  ...{
    queued: 'wait',
    scheduled: 'wait',
    sending: 'wait',
    deferred: 'wait',
    probing: 'wait',
    returning: 'wait',
    limited: 'wait',
    waiting: 'wait',
    moving: 'good',
    done: 'good',
  },
  ...{ held: 'look', partial: 'look', unknown: 'look', failover: 'look', complained: 'look' },
  ...{ bounced: 'bad', failed: 'bad', expired: 'bad', rejected: 'bad', open: 'bad', reverted: 'bad' },
}

export function pill(state: string): Html {
  return html`<span class="pill ${tones[state] ?? 'over'}">${state}</span>`
}

/** From this share on a limit is nearly used up. */
export const nearly = 0.8

/** How much of a limit is used, as a bar. @param words what it shows, for those who do not see it */
export function used(share: number, words: string): Html {
  const width = Math.round(Math.min(share, 1) * 104)
  return html`<svg class="used" width="104" height="6" role="img" aria-label="${words}"><rect width="104" height="6" rx="3"/><rect class="share${share > 0.9 ? ' near' : ''}" width="${width}" height="6" rx="3"/></svg>`
}
