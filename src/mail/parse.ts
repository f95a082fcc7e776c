/** From RFC 5322 to parts, for vendors that take only JSON. */
import type { Header, Parts } from './message.ts'

/**
 * Reads raw mail into parts: text, html, attachments, inline images with their Content-ID, display names, custom headers.
 * Structural and trace headers (Received, DKIM-Signature, Return-Path, MIME-Version, Content-*, Date, Message-ID, …) are left out.
 */
export function parse(raw: Uint8Array): Promise<Parts> {
  void raw
  throw new Error('not written yet')
}

/** What the header block of raw mail tells without reading the body: whether only raw MIME carries it whole. */
export function isRawOnly(headers: readonly Header[]): boolean {
  void headers
  return false
}
