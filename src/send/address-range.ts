/** Addresses that no MX of the public internet has: whoever publishes one wants us to knock inside. */
import { BlockList, isIP } from 'node:net'

// The IANA special-purpose registries (RFC 6890 and later), and what stands for an IPv4 address inside an IPv6 one. Two lists,
// for Node's holds every IPv4 address against the range of the IPv4-mapped ones.
const notPublic4 = listOf('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
])
const notPublic6 = listOf('ipv6', [
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
])
const nat64 = listOf('ipv6', ['64:ff9b::/96'])

function listOf(family: 'ipv4' | 'ipv6', ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [net = '', bits = ''] = range.split('/')
    list.addSubnet(net, Number(bits), family)
  }
  return list
}

/**
 * Whether `address` is anything but a public unicast address: private, loopback, link-local, shared (CGNAT), documentation,
 * multicast, IPv4-mapped, or NAT64 of one of those. True for what is no address at all.
 */
export function isPrivate(address: string): boolean {
  const bare = address.replace(/%.*$/s, '')
  const version = isIP(bare)
  if (version === 0) return true
  if (version === 4) return notPublic4.check(bare, 'ipv4')
  if (nat64.check(bare, 'ipv6')) return isPrivate(embedded(bare))
  return notPublic6.check(bare, 'ipv6')
}

/** The IPv4 address in the last 32 bits (RFC 6052 section 2.2). */
function embedded(address: string): string {
  // The URL parser writes every IPv6 address in one way (RFC 5952), a dotted tail as hexadecimal.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = canonical.split('::')
  const groups = (tail || head).split(':').slice(-2)
  const [high = 0, low = 0] = [...Array(2 - groups.length).fill('0'), ...groups].map((group) =>
    Number.parseInt(group || '0', 16),
  )
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
