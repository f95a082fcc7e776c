import addressparser from 'nodemailer/lib/addressparser'

/** The bare addresses of `Name <a@b>, "C, D" <c@d>`, read by another parser than ours. */
export function mailboxes(list: unknown): string[] {
  return addressparser(String(list ?? ''), { flatten: true })
    .map((entry) => entry.address ?? '')
    .filter((address) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address))
}
