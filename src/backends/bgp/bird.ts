/** BIRD on a node: the daemon, its sessions, and what of its configuration is the same on hosts and routers. */
import type { Daemon, KernelObject } from '../../kernel/objects.ts'
import type { Family } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'

/** Words of BIRD's language for the families. */
export const NAMES: Readonly<Record<Family, string>> = { 4: 'ipv4', 6: 'ipv6' }

/** A node that runs BIRD. */
export interface BirdNode {
  readonly name: string
  readonly netns: string
  readonly source: Source
}

export const daemonId = ({ name }: Pick<BirdNode, 'name'>): string => `${name}.bird`

export const birdDaemon = (node: BirdNode, conf: string): Daemon => ({
  kind: 'daemon',
  ns: node.netns,
  from: node.source,
  id: daemonId(node),
  hostname: node.name,
  node: node.name,
  program: 'bird',
  command: ['bird', '-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'],
  files: [{ path: 'bird.conf', content: conf }],
  ready: { socket: 'bird.ctl' },
  reload: { command: ['birdc', '-s', 'bird.ctl', 'configure'] },
  control: { bird: 'bird.ctl' },
  owns: [{ routes: 'bird' }],
  capabilities: ['net_admin', 'net_bind_service'],
})

/** A node and what it calls its session with the other. */
export type SessionSide = readonly [node: BirdNode, name: string]

export const bgpSession = (a: SessionSide, b: SessionSide): KernelObject => {
  const end = ([node, name]: SessionSide) => ({ daemon: daemonId(node), node: node.name, name })
  return { kind: 'session', ns: a[0].netns, from: b[0].source, protocol: 'BGP', ends: [end(a), end(b)] }
}

/** The name of a session as BIRD takes it: at most 64 bytes. */
export const symbol = (text: string): string => text.slice(0, 64)

/** Seconds of silence after which a session is given up, and between attempts to connect. */
export interface Timers {
  readonly holdTime: number
  readonly connectRetry: number
}

/** Lines of a template. Three keepalives fit into the hold time (RFC 4271, section 10). */
export const timerLines = ({ holdTime, connectRetry }: Timers): string[] => [
  `  hold time ${holdTime}; keepalive time ${Math.max(1, Math.floor(holdTime / 3))};`,
  `  connect delay time 0; connect retry time ${connectRetry}; error wait time 1, 4;`,
]

/** Networks as a set of BIRD's that has their parts, too. */
export const withParts = (cidrs: readonly string[]): string => `[ ${cidrs.map((c) => `${c}+`).join(', ')} ]`
