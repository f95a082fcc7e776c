/**
 * A mail's html, shut in. What holds is the browser: the document is served with a policy of its own that lets nothing run and
 * nothing load, in a sandbox without origin, scripts and forms, whether it is seen in its frame or opened by itself. Nothing here
 * tries to clean html; the few rewrites below are for comfort, and for the one leak no policy covers.
 */
import type { Attachment } from '../mail/message.ts'

/** A link may open a tab of its own, free of the sandbox but without a way back; nothing else is granted. */
export const sandbox = 'allow-popups allow-popups-to-escape-sandbox'

/** Headers of the document. Remote images only when asked for, by whoever looks. */
export function sandboxHeaders(remote: boolean): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      "style-src 'unsafe-inline'",
      `img-src data:${remote ? ' https: http:' : ''}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'self'",
      `sandbox ${sandbox}`,
    ].join('; '),
    'x-frame-options': 'SAMEORIGIN',
    'x-dns-prefetch-control': 'off',
    'referrer-policy': 'no-referrer',
  }
}

/** Whether the html would load something from elsewhere; a guess, made only to offer that it may. */
export function wantsRemote(html: string): boolean {
  // Bounded repeats: this runs over hostile text, where `\s*["']?\s*` would take quadratic time.
  return /(?:src|srcset|background|poster)\s{0,9}=\s{0,9}["']?\s{0,9}(?:https?:)?\/\/|url\(\s{0,9}["']?\s{0,9}(?:https?:)?\/\//i.test(
    html,
  )
}

/** Characters of inline images that one document may grow by. */
const budget = 40_000_000

function inlined(html: string, attachments: readonly Attachment[]): string {
  const images = new Map(
    attachments.flatMap(({ contentId, contentType, content }) =>
      contentId && /^image\/[\w.+-]+$/i.test(contentType) && /^[\w+/=]*$/.test(content)
        ? [[contentId, `data:${contentType.toLowerCase()};base64,${content}`] as const]
        : [],
    ),
  )
  if (images.size === 0) return html
  let left = budget
  return html.replace(/(["'(=]\s*)cid:([^"'\s()<>]+)/gi, (whole, before: string, name: string) => {
    let id = name
    try {
      id = decodeURIComponent(name)
    } catch {
      // Not percent-encoded after all (RFC 2392 asks for it, few do it): the name stands as written.
    }
    const image = images.get(id) ?? images.get(name)
    if (image === undefined || image.length > left) return whole
    left -= image.length
    return before + image
  })
}

/**
 * The document: inline images (`cid:`) put in place, links opening in a new tab, and `<link>`, `<iframe>` and `<frame>` made
 * unknown elements. The policy keeps them from loading, but not from connecting: for `preconnect`, and for a frame's page, a
 * browser opens a connection ahead, and so tells that the mail was read (seen in Chromium 156).
 */
export function sandboxed(html: string, attachments: readonly Attachment[]): string {
  const doctype = /^\s*<!doctype[^>]*>/i.exec(html)?.[0] ?? ''
  const rest = html.slice(doctype.length).replace(/<(link|i?frame)(?=[\s/>])/gi, '<x-$1')
  return `${doctype}<base target="_blank">${inlined(rest, attachments)}`
}
