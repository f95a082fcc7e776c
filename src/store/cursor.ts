/** Cursors: where a page ended, as an opaque text that a stranger cannot use to look anywhere else. */

/** @param place the sort key of the last row of a page */
export function cursorFor(place: readonly number[]): string {
  return btoa(place.join('.')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** @returns as many whole numbers as asked for. @throws RangeError for a cursor that `cursorFor` did not make */
export function placeOf(cursor: string, numbers: number): number[] {
  let text = ''
  try {
    text = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
  } catch {
    // Not base64 at all: the check below says no.
  }
  const place = text.split('.').map(Number)
  const sound = place.length === numbers && place.every(Number.isSafeInteger) && cursorFor(place) === cursor
  if (!sound) throw new RangeError('the cursor is not one of ours')
  return place
}
