/** What the IP tunnels of the kernel (net/ipv4/ip_tunnel.c) have in common. */
import type { NonDefault } from '../kinds/kind.ts'
import { text } from './link-type.ts'

/** A tunnel of netlab's has no remote, inherits the TTL, and takes in what it sends out. */
export function nonDefaultTunnel({ remote, ttl, ikey, okey }: Readonly<Record<string, unknown>>): NonDefault {
  return [
    ...(remote === undefined || remote === 'any' ? [] : [`remote ${text(remote)}`]),
    ...(typeof ttl === 'number' && ttl > 0 ? [`ttl ${ttl}`] : []),
    ...(ikey === okey ? [] : [`ikey ${text(ikey)}`]),
  ]
}
