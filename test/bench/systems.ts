/** What is measured: Waypost, and what others put in its place. */

/** One that takes mail on loopback by SMTP, keeps it safe, and relays it. */
export interface Relay {
  port: number
  /** The process whose family all the work is done in. */
  pid: number
  stop(): Promise<void>
}

export interface System {
  name: string
  /** Why it cannot be measured here; null when it can. */
  missing(): string | null
  /** Starts it with everything in a folder of its own, relaying to a port of this machine. */
  start(sink: number): Promise<Relay>
}
