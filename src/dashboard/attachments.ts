/** Attachments: listed by name and size, and only ever saved, never opened in the browser under our name. */
import type { Context } from 'hono'
import { html } from 'hono/html'
import { decodeBase64 } from 'hono/utils/encode'
import type { Parts } from '../mail/message.ts'
import { size } from './figures.ts'
import type { Env, Html } from './parts.ts'
import { plainly, said } from './show.ts'

/** Bytes that a base64 text stands for. */
const decodedSize = (base64: string): number =>
  (base64.length / 4) * 3 - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0)

export function attachmentList(id: string, parts: Pick<Parts, 'attachments'>): Html | string {
  if (parts.attachments.length === 0) return ''
  return html`<ul class="attachments" aria-label="Attachments">${parts.attachments.map(
    ({ filename, contentType, content, inline }, index) =>
      html`<li><a href="/inbox/${id}/part/${index}" download>${said(filename || `attachment-${index + 1}`, 100)}</a> <span class="soft small">${said(contentType, 60)}, ${size(decodedSize(content))}${inline ? ', inline' : ''}</span></li>`,
  )}</ul>`
}

/** A name that is only a name, on every file system: no folders, nothing hidden, nothing that reads backwards. */
export function safeName(filename: string, index: number): string {
  const name = plainly(filename.replace(/[/\\:*?"<>|\t\n]/g, '_'), 150).replace(/^[.\s]+/, '')
  return name || `attachment-${index + 1}`
}

/** The bytes of attachment `index`, as a download (RFC 6266), or null when there is none. */
export function attachmentDownload(c: Context<Env>, parts: Pick<Parts, 'attachments'>, index: number) {
  const attachment = parts.attachments[index]
  if (!attachment) return null
  const name = safeName(attachment.filename, index)
  const encoded = encodeURIComponent(name).replace(
    /['()*!]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return c.body(decodeBase64(attachment.content).buffer as ArrayBuffer, 200, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name.replace(/[^ -~]/g, '_')}"; filename*=UTF-8''${encoded}`,
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  })
}
