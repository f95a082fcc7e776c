/** Mandrill's editable regions: the element with `mc:edit="name"` gets what `template_content` has under the name. Pure. */

const empty = new Set('area base br col embed hr img input link meta source track wbr'.split(' '))

/**
 * The html with its regions filled.
 * @returns also the names under which there is no region
 */
export function withRegions(
  html: string | undefined,
  regions: ReadonlyMap<string, string>,
): { html: string | undefined; unused: string[] } {
  const unused = new Set(regions.keys())
  if (html === undefined || regions.size === 0) return { html, unused: [...unused] }
  const opening = /<([A-Za-z][\w-]*)\b([^<>]*)>/g
  let text = ''
  let done = 0
  for (let tag = opening.exec(html); tag !== null; tag = opening.exec(html)) {
    const name = /\smc:edit\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i.exec(tag[2]!)
    const content = name === null ? undefined : regions.get(name[1] ?? name[2] ?? name[3] ?? '')
    if (name === null || content === undefined || empty.has(tag[1]!.toLowerCase()) || tag[2]!.endsWith('/')) continue
    const end = endOf(html, opening.lastIndex, tag[1]!)
    if (end === -1) continue
    text += html.slice(done, opening.lastIndex) + content
    done = opening.lastIndex = end
    unused.delete(name[1] ?? name[2] ?? name[3] ?? '')
  }
  return { html: text + html.slice(done), unused: [...unused] }
}

/** Where the element that was opened before this place is closed; -1 if nowhere. */
function endOf(html: string, from: number, name: string): number {
  const tags = new RegExp(`<(/?)${name}\\b[^<>]*>`, 'gi')
  tags.lastIndex = from
  let open = 1
  for (let tag = tags.exec(html); tag !== null; tag = tags.exec(html)) {
    open += tag[1] === '/' ? -1 : 1
    if (open === 0) return tag.index
  }
  return -1
}
