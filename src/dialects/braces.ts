/** A template of Handlebars' kin, taken apart: text, and what stands between double braces, by turns. Pure. */

/**
 * The parts in their order, tags with up to two backslashes before them; in one pass, however many braces are not closed. A tag that
 * says nothing itself and stands alone on its line leaves no line behind; `~` takes the white space of its side.
 */
export function braces(template: string): string[] {
  const parts: string[] = []
  let done = 0
  for (;;) {
    const open = template.indexOf('{{', done)
    const triple = open !== -1 && template.startsWith('{{{', open)
    const end = open === -1 ? -1 : endOf(template, open)
    if (end === -1) break
    const close = triple && template.startsWith('}}}', end) ? 3 : 2
    const slashes = /\\{0,2}$/.exec(template.slice(Math.max(done, open - 2), open))![0].length
    parts.push(template.slice(done, open - slashes), template.slice(open - slashes, end + close))
    done = end + close
  }
  parts.push(template.slice(done))
  return tidied(parts)
}

/** A comment with dashes may hold braces. */
function endOf(template: string, open: number): number {
  if (!/^\{\{~?!--/.test(template.slice(open, open + 6))) return template.indexOf('}}', open + 2)
  const dashes = template.indexOf('--', open + 5)
  return dashes === -1 ? -1 : template.indexOf('}}', dashes)
}

const silent = /^\{\{~?\s*(?:[#/^!]|else\b)/
/** How much white space around a tag is looked at. */
const reach = 1000

function tidied(parts: string[]): string[] {
  const cut = parts.map((part) => ({ from: 0, to: part.length }))
  for (let at = 1; at < parts.length; at += 2) {
    const [before, tag, after] = [parts[at - 1]!, parts[at]!, parts[at + 1]!]
    if (tag.startsWith('\\')) continue
    const first = at === 1 ? '(?:^|\\n)' : '\\n'
    const last = at + 2 === parts.length ? '(?:\\r?\\n|$)' : '\\r?\\n'
    const indent = new RegExp(`${first}([ \\t]*)$`).exec(before.slice(-reach))?.[1]
    const rest = new RegExp(`^[ \\t]*${last}`).exec(after.slice(0, reach))?.[0]
    if (silent.test(tag) && indent !== undefined && rest !== undefined) {
      cut[at - 1]!.to = Math.min(cut[at - 1]!.to, before.length - indent.length)
      cut[at + 1]!.from = rest.length
    }
    if (/^\{\{\{?~/.test(tag)) cut[at - 1]!.to = before.trimEnd().length
    if (/~\}\}\}?$/.test(tag)) cut[at + 1]!.from = after.length - after.trimStart().length
  }
  return parts.map((part, at) => part.slice(cut[at]!.from, Math.max(cut[at]!.from, cut[at]!.to)))
}
