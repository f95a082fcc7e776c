/** Content as it stands between DATA's 354 and the dot: dots doubled (RFC 5321 section 4.5.2), CRLF at every line's end. */

/** What cannot go as it is. A lone CR, LF or NUL never gets this far; were one to, it must not leave (SMTP smuggling). */
const special = /\r\n\.|\r(?!\n)|(?<!\r)\n/

export class Data {
  /** A CR whose LF may begin the next piece. */
  #open = ''
  /** The last character that left. */
  #last = '\n'

  /** The next piece as Latin-1 text, which a socket writes quicker than bytes, and a search runs through quicker. */
  take(piece: Uint8Array): string {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    let text = this.#open + bytes.toString('latin1').replaceAll('\0', '')
    this.#open = ''
    if (text.endsWith('\r')) {
      this.#open = '\r'
      text = text.slice(0, -1)
    }
    return this.#safe(text)
  }

  /** The rest and the dot. */
  end(): string {
    const rest = this.#safe(this.#open && '\r\n')
    return this.#last === '\n' ? `${rest}.\r\n` : `${rest}\r\n.\r\n`
  }

  #safe(text: string): string {
    const safe = special.test(text) ? text.replace(/\r\n?|\n/g, '\r\n').replaceAll('\r\n.', '\r\n..') : text
    const dot = this.#last === '\n' && safe.startsWith('.') ? '.' : ''
    this.#last = safe.at(-1) ?? this.#last
    return dot + safe
  }
}
