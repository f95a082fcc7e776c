/** What changed from one text to another, line by line. */

export interface DiffLine {
  /** `…` stands for lines that are the same and far from any change. */
  sign: ' ' | '-' | '+' | '…'
  text: string
}

/** Lines that are the same are shown this near to a change. */
const context = 3

/** The shortest way from one list of lines to the other, with what stands around each change. */
export function difference(from: readonly string[], to: readonly string[]): DiffLine[] {
  const all = changes(from, to)
  const near = (at: number) => all.slice(Math.max(0, at - context), at + context + 1).some(({ sign }) => sign !== ' ')
  const shown: DiffLine[] = []
  for (const [at, line] of all.entries()) {
    if (near(at)) shown.push(line)
    else if (shown.at(-1)?.sign !== '…') shown.push({ sign: '…', text: '' })
  }
  return shown.some(({ sign }) => sign !== '…') ? shown : all
}

/** By the longest common subsequence of what lies between the equal beginning and the equal end. */
function changes(from: readonly string[], to: readonly string[]): DiffLine[] {
  let head = 0
  while (head < from.length && head < to.length && from[head] === to[head]) head++
  let tail = 0
  while (tail < Math.min(from.length, to.length) - head && from.at(-1 - tail) === to.at(-1 - tail)) tail++
  const a = from.slice(head, from.length - tail)
  const b = to.slice(head, to.length - tail)

  const width = b.length + 1
  const lengths = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!)
    }
  }
  const same = (text: string): DiffLine => ({ sign: ' ', text })
  const lines = from.slice(0, head).map(same)
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(same(a[i]!))
      i++
      j++
    } else if (j >= b.length || (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)) {
      lines.push({ sign: '-', text: a[i++]! })
    } else lines.push({ sign: '+', text: b[j++]! })
  }
  return [...lines, ...from.slice(from.length - tail).map(same)]
}
