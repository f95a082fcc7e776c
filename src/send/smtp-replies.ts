/** Cuts what an SMTP server sends into replies (RFC 5321 section 4.2.1), however its bytes were cut on the way. */

/** Bytes of one reply; whoever says more is not answering. */
export const longestReply = 65_536

export class Replies {
  /** Latin-1, so that a character cut in two is whole again before it is decoded. */
  #text = ''
  /** Where the line begins that has not been looked at. */
  #line = 0

  add(bytes: Buffer): void {
    this.#text += bytes.toString('latin1')
  }

  /**
   * The next complete reply, its lines separated by LF; null until one is there. Empty lines are passed over.
   * @throws RangeError for one that is too long, complete or not
   */
  next(): string | null {
    for (let end = this.#end(); end !== -1; end = this.#end()) {
      const start = this.#line
      this.#line = end + 1
      // `250-` has more lines to come.
      if (this.#text[start + 3] === '-' && /^\d{3}-/.test(this.#text.slice(start, start + 4))) continue
      const reply = this.#text.slice(0, end).replaceAll('\r', '')
      this.#text = this.#text.slice(end + 1)
      this.#line = 0
      if (reply !== '') return decoded(reply)
    }
    return null
  }

  #end(): number {
    const end = this.#text.indexOf('\n', this.#line)
    if ((end === -1 ? this.#text.length : end) > longestReply) throw new RangeError('a reply without end')
    return end
  }
}

/** UTF-8 where it is that, else the bytes as they are: no standard says what a reply's text is written in. */
function decoded(reply: string): string {
  if (!/[\x80-\xff]/.test(reply)) return reply
  const utf8 = Buffer.from(reply, 'latin1').toString()
  return utf8.includes('\ufffd') ? reply : utf8
}
