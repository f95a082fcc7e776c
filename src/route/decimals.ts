/** Numbers as reasons have them. By whole numbers and a table: `toFixed` for each candidate was most of what a decision cost. */

const percents = Array.from({ length: 1_001 }, (_, permille) => String(permille / 10))
const fractions = [1, 2, 3, 4].map((digits) =>
  Array.from({ length: 10 ** digits }, (_, number) => `.${String(number).padStart(digits, '0')}`),
)

/** `98.6` for 0.986. */
export function percent(share: number): string {
  return percents[Math.round(share * 1_000)] ?? String(Math.round(share * 1_000) / 10)
}

/** With so many digits behind the point; for what is not negative. */
export function decimal(value: number, digits: 1 | 2 | 3 | 4): string {
  const unit = 10 ** digits
  const units = Math.round(value * unit)
  const whole = Math.floor(units / unit)
  return whole + fractions[digits - 1]![units - whole * unit]!
}
