/** A DNS server over UDP and TCP whose every answer is told: records, NXDOMAIN, SERVFAIL, REFUSED, silence, truncation. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import * as dnsPacket from 'dns-packet'

/** Records of one name by type, or what happens instead to every question for it. */
export type Zone = Records | Trouble | ((type: string) => Records | Trouble)
/** `truncated`: UDP says only that there is more; TCP answers in full. */
export type Trouble = 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence'
export interface Records {
  A?: string[]
  AAAA?: string[]
  MX?: [preference: number, exchange: string][]
  TXT?: string[]
  CNAME?: string
  /** Makes UDP answer only that there is more, so that the client must come back over TCP. */
  truncated?: boolean
}

export interface FakeDns {
  /** `127.0.0.1:port`, as `resolver` wants it. */
  server: string
  /** Names in lower case. One that is not here does not exist. Change it as you go. */
  zones: Record<string, Zone>
  /** Questions asked, `MX example.com`, in order. */
  asked: string[]
  /** While true, nobody is answered anything. */
  silent: boolean
  close(): Promise<void>
}

const rcodes = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 }

export async function fakeDns(zones: Record<string, Zone>): Promise<FakeDns> {
  const udp = createSocket('udp4')
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    let buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk])
      while (buffer.length > 2 && buffer.length >= buffer.readUInt16BE(0) + 2) {
        const end = buffer.readUInt16BE(0) + 2
        const answer = respond(buffer.subarray(2, end), 'tcp')
        buffer = buffer.subarray(end)
        if (!answer) continue
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer.length)
        socket.write(Buffer.concat([length, answer]))
      }
    })
  })
  udp.on('message', (query: Buffer, peer: RemoteInfo) => {
    const answer = respond(query, 'udp')
    if (answer) udp.send(answer, peer.port, peer.address)
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')

  function respond(query: Buffer, over: 'udp' | 'tcp'): Buffer | null {
    const { id, questions } = dnsPacket.decode(query)
    const question = questions?.[0]
    if (!question) return null
    const { name, type } = question
    dns.asked.push(`${type} ${name}`)
    const zone = dns.zones[name.toLowerCase()] ?? 'NXDOMAIN'
    const told = typeof zone === 'function' ? zone(type) : zone
    if (dns.silent || told === 'silence') return null
    const rcode = typeof told === 'string' ? rcodes[told] : 0
    const more = typeof told === 'object' && told.truncated === true && over === 'udp'
    const answers = typeof told === 'string' || more ? [] : recordsOf(name, type, told)
    const flags =
      dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (more ? dnsPacket.TRUNCATED_RESPONSE : 0)
    return dnsPacket.encode({ type: 'response', id: id ?? 0, flags: flags | rcode, questions: [question], answers })
  }

  function recordsOf(name: string, type: string, records: Records): dnsPacket.Answer[] {
    if (records.CNAME !== undefined) {
      const target = dns.zones[records.CNAME]
      const told = typeof target === 'function' ? target(type) : target
      const alias: dnsPacket.Answer = { type: 'CNAME', name, ttl: 0, data: records.CNAME }
      return [alias, ...(typeof told === 'object' ? recordsOf(records.CNAME, type, told) : [])]
    }
    if (type === 'A') return (records.A ?? []).map((data) => ({ type: 'A', name, ttl: 0, data }))
    if (type === 'AAAA') return (records.AAAA ?? []).map((data) => ({ type: 'AAAA', name, ttl: 0, data }))
    if (type === 'TXT') return (records.TXT ?? []).map((data) => ({ type: 'TXT', name, ttl: 0, data: chunks(data) }))
    if (type !== 'MX') return []
    return (records.MX ?? []).map(([preference, exchange]) => ({
      type: 'MX',
      name,
      ttl: 0,
      data: { preference, exchange },
    }))
  }

  const dns: FakeDns = {
    server: `127.0.0.1:${port}`,
    zones,
    asked: [],
    silent: false,
    close: async () => {
      udp.close()
      for (const socket of sockets) socket.destroy()
      tcp.close()
      await once(tcp, 'close')
    },
  }
  return dns
}

/** A TXT record holds strings of at most 255 bytes. */
function chunks(text: string): string[] {
  return text.match(/.{1,255}/gs) ?? ['']
}
