/** Cursors: where a page ended, as an opaque text that a stranger cannot use to look anywhere else. */

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param place the sort key of the last row of a page */
export function cursorFor(place: readonly number[]): string {
  return cursorAfter(place.join('.'))
}

/** @returns as many whole numbers as asked for. @throws RangeError for a cursor that `cursorFor` did not make */
export function placeOf(cursor: string, numbers: number): number[] {
  const place = textOf(cursor).split('.').map(Number)
  const sound = place.length === numbers && place.every(Number.isSafeInteger) && cursorFor(place) === cursor
  if (!sound) throw new RangeError('the cursor is not one of ours')
  return place
}

/** @param key what the rows are sorted by, of the last row of a page: any text */
export function cursorAfter(key: string): string {
  const base64 = btoa(String.fromCharCode(...utf8.encode(key)))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** @returns the text behind a cursor. @throws RangeError for a cursor that `cursorAfter` did not make */
export function textOf(cursor: string): string {
  let text = ''
  try {
    const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    text = strictUtf8.decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
  } catch {
    // Not base64, or no text at all: the check below says no.
  }
  if (text === '' || cursorAfter(text) !== cursor) throw new RangeError('the cursor is not one of ours')
  return text
}
