/** What listens during a trace. It knows nothing of the lab, so that it gets ready while the lab, and the rest of netlab, is read. */
import { PacketListener } from './packet-listener.ts'
import { eventFilters, Events } from './events.ts'
import { lengthsOf } from './lengths.ts'

export interface ProbeOptions {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  /** Destination port; 0 for ICMP. */
  readonly port: number
  readonly family: 4 | 6 | undefined
  /** Bytes of the IP packet; ignored for TCP. */
  readonly size: number
  readonly df: boolean
  readonly ttl: number
  readonly count: number
  /** Milliseconds. */
  readonly timeout: number
}

/** Collectors that need not know the lab: started first, they get ready while it is read. */
export interface Collectors {
  readonly listener: PacketListener
  readonly events: Events
  close(): Promise<void>
}

export function startCollectors(options: ProbeOptions): Collectors {
  const listener = new PacketListener()
  const events = new Events(eventFilters(lengthsOf(options)))
  return {
    listener,
    events,
    close: async () => {
      listener.end()
      await events.end()
    },
  }
}
