/** Shares and money, as tables show them. */

/** `98.6%`, never rounded up to 100. */
export function percent(share: number): string {
  const rounded = Math.round(share * 1_000) / 10
  return `${(share < 1 ? Math.min(rounded, 99.9) : rounded).toFixed(1)}%`
}

/** In whichever unit the config counts. */
export function money(value: number): string {
  return value.toFixed(2)
}
