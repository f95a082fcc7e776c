/**
 * Values as people read them. What came in by mail or from a vendor is hostile text: it is escaped by `html`, kept from
 * reordering its surroundings by `<bdi>`, and characters that would lie to the eye are spelled out (Unicode TR #36, "Trojan Source").
 */
import { html } from 'hono/html'
import type { Html } from './parts.ts'

/** Control characters but tab and line feed, line and paragraph separators, and the bidi embeddings, overrides and isolates. */
const liars = /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069])/

function codePoint(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}

function shorten(text: string, most: number): string {
  return (text.length > most ? `${text.slice(0, most)}…` : text).toWellFormed()
}

/** Hostile text for a page, at most `most` characters of it. */
export function said(text: string, most = 300): Html {
  const pieces = shorten(text, most)
    .split(liars)
    .map((piece, index) =>
      index % 2 === 1
        ? html`<span class="liar" title="a character that does not show">${codePoint(piece)}</span>`
        : piece,
    )
  return html`<bdi>${pieces}</bdi>`
}

/** The same where no markup can stand: a title, an attribute, a file name. */
export function plainly(text: string, most = 120): string {
  return shorten(text, most).replace(new RegExp(liars, 'g'), (character) => `[${codePoint(character)}]`)
}

/** A header that may be empty. */
export function subject(text: string, most = 200): Html {
  return text.trim() === '' ? html`<i class="soft">no subject</i>` : said(text, most)
}

/** `Ann <ann@example.com>`: the name never without the address, so that it cannot pass for one. */
export function mailbox(box: { email: string; name?: string }): Html {
  return box.name ? html`${said(box.name, 100)} <span class="soft">${said(box.email)}</span>` : said(box.email)
}

/** Longer ones are left as text: nobody clicks them, and trimming their end would take quadratic time. */
const longestLink = 2000

/** Text with its web addresses made links (only http and https), for the plain body of a mail. */
export function linked(text: string): Html {
  const pieces = text.split(/(https?:\/\/[^\s<>"'`\u0000-\u001f\u2028-\u202e\u2066-\u2069]+)/i).map((piece, index) => {
    if (index % 2 === 0 || piece.length > longestLink) return said(piece, Number.POSITIVE_INFINITY)
    const address = piece.replace(/[.,;:!?)\]}]+$/, '')
    if (!URL.canParse(address)) return said(piece)
    return html`<a href="${address}" target="_blank" rel="noopener noreferrer nofollow">${address}</a>${piece.slice(address.length)}`
  })
  return html`${pieces}`
}
