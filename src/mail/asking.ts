/** Writing a vendor's request: what all that take JSON share. */
import type { Handoff, HttpRequest } from './adapter.ts'
import type { Attachment, Mailbox, Parts } from './message.ts'

/** The mail as parts. @throws TypeError when it was handed over as raw mail, which the gateway never does for an adapter of parts */
export function partsOf({ content }: Pick<Handoff, 'content'>): Parts {
  if (content.form !== 'parts') throw new TypeError('this vendor takes parts')
  return content.parts
}

/** An address under the API's, which may have a path of its own. */
export function under(baseUrl: string, path = ''): string {
  return baseUrl.replace(/\/+$/, '') + path
}

/** A JSON call to `path` under the API's address. */
export function postJson(baseUrl: string, path: string, headers: Record<string, string>, body: unknown): HttpRequest {
  return {
    method: 'POST',
    url: under(baseUrl, path),
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  }
}

/**
 * Custom headers as an object, for vendors that take one. It holds a name once, so a header given twice becomes one with both
 * values, comma between.
 */
export function headerObject(headers: Parts['headers']): Record<string, string> {
  const all: Record<string, string> = {}
  for (const [name, value] of headers) {
    const known = Object.keys(all).find((one) => one.toLowerCase() === name.toLowerCase())
    if (known === undefined) all[name] = value
    else all[known] += `, ${value}`
  }
  return all
}

/** A mailbox as `{email, name}`, without a name where it has none. */
export function emailAndName({ email, name }: Mailbox): { email: string; name?: string } {
  return name ? { email, name } : { email }
}

/** A content type without its parameters, which some vendors refuse. */
export function bareType(contentType: string): string {
  return contentType.split(';')[0]!.trim()
}

/** A text as HTML, for vendors that take no mail without any: lines and spaces stay as they are. */
export function textAsHtml(text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<div style="white-space: pre-wrap">${escaped}</div>`
}

/** Text in base64, for a vendor's header or JSON: UTF-8 underneath. */
export function textInBase64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''))
}

/** Whether it has its place within the HTML: by its Content-ID. */
export function isInline(file: Attachment): file is Attachment & { contentId: string } {
  return file.inline && file.contentId !== undefined && file.contentId !== ''
}

/** A text beyond ASCII as one encoded word of RFC 2047, for vendors that do not encode it; null where one does not hold it. */
export function encodedWord(text: string): string | null {
  const word = `=?utf-8?B?${textInBase64(text)}?=`
  return word.length <= 75 ? word : null
}
