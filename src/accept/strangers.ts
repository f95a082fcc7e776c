/** Who is a stranger: nobody of ours, whatever the address. */
import { BlockList } from 'node:net'

/** This machine and networks that nobody routes: RFC 1122, 1918, 3927, 4193, 4291, 6598. */
const ours = new BlockList()
ours.addSubnet('127.0.0.0', 8)
ours.addSubnet('10.0.0.0', 8)
ours.addSubnet('172.16.0.0', 12)
ours.addSubnet('192.168.0.0', 16)
ours.addSubnet('169.254.0.0', 16)
ours.addSubnet('100.64.0.0', 10)
ours.addAddress('::1', 'ipv6')
ours.addSubnet('fc00::', 7, 'ipv6')
ours.addSubnet('fe80::', 10, 'ipv6')

/** Whether a client's address is one that the whole world can have. @param address IPv4, or IPv6 (mapped IPv4 too) */
export function isStranger(address: string): boolean {
  return !ours.check(address.replace(/%.*/, ''), address.includes(':') ? 'ipv6' : 'ipv4')
}
