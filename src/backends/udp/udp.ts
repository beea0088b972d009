/**
 * Packets in UDP by a program, as Flannel's first backend did: a TUN device and a forwarder on every host.
 *
 *   pod → route 10.244.0.0/16 dev tun1
 *       → the forwarder reads it from tun1 and looks up 10.244.1.0/24: 192.168.50.12
 *       → outer Ethernet | IPv4 | UDP 8285 | pod packet
 *       → the forwarder there takes it from its socket and writes it into tun1
 *
 * No header says what is inside: the port does. The kernel knows one route for all pods of the cluster; which host has which is known
 * to the program alone, in a table. A packet crosses between kernel and program on either side, which is what it costs: a
 * copy and a system call each way, and one from the TTL.
 *
 * 28 bytes: IPv4 20, UDP 8. IPv4 alone, as in Flannel: its forwarder reads the destination where an IPv4 header has it.
 */
import { readFileSync } from 'node:fs'
import type { Daemon, KernelObject, Link } from '../../kernel/objects.ts'
import { addressOf, blockOf, type Host, type Lab } from '../../lab/lab.ts'
import type { Backend, BackendModule } from '../backend.ts'
import { deviceOption } from '../device-name.ts'
import { overTunnel, peersOf, tunnelCarriage, tunnelled, tunnelOption } from '../peers.ts'
import type { OptionTypes, OptionsOf } from '../../topology/schema/schema.ts'

const DEVICE = 'tun1'

const options = (z: OptionTypes) =>
  z.object({
    port: z.int().min(1).max(65_535).default(8285).describe('UDP port of every forwarder.'),
    device: deviceOption(z, DEVICE),
    tunnel: tunnelOption(z),
  })
type Options = OptionsOf<typeof options>

const OVERHEAD = 28
const PROGRAM = 'forwarder.pl'
const TABLE = 'peers'

let source: string | undefined
/** The program that every host runs; perl-base is all it needs. */
const forwarderSource = (): string => (source ??= readFileSync(new URL('./forwarder.pl', import.meta.url), 'utf8'))

/** Which host has which block, as the forwarder reads it. */
const tableOf = (peers: readonly Host[]): string =>
  [
    '# What is sent into a network goes to this host.',
    ...peers.flatMap((peer) => peer.blocks.filter((b) => b.family === 4).map((block) => `${block.cidr} ${addressOf(peer, 4)}`)),
    '',
  ].join('\n')

function forwarder(host: Host, peers: readonly Host[], port: number, device: string): Daemon {
  const address = addressOf(host, 4)!
  return {
    kind: 'daemon',
    ns: host.netns,
    from: host.source,
    note: `carries packets between ${device} and UDP port ${port}`,
    id: `${host.name}.forwarder`,
    hostname: host.name,
    node: host.name,
    program: 'forwarder',
    command: ['perl', PROGRAM, device, address, String(port), blockOf(host, 4)?.network ?? address, TABLE],
    files: [
      { path: PROGRAM, content: forwarderSource() },
      { path: TABLE, content: tableOf(peers) },
    ],
    ready: { udp: port },
    reload: { signal: 'SIGHUP' },
    carries: { device, port, table: TABLE },
    // The device is there and has no owner: root may attach to it without being allowed to change the network.
    capabilities: port < 1024 ? ['net_bind_service'] : [],
  }
}

/** The whole pod network; for the host's own block there are longer prefixes. */
const routes = (host: Host, lab: Lab, dev: string): KernelObject[] =>
  lab.podCIDRs
    .filter((cidr) => !cidr.includes(':'))
    .map((dst) => ({
      kind: 'route',
      ns: host.netns,
      from: host.source,
      note: 'pods of all other hosts: which host has which, the forwarder knows',
      family: 4,
      dst,
      dev,
    }))

function udp(chosen: Options): Backend {
  const { port, device: dev, tunnel } = chosen
  return {
    needs: ['tun'],
    reserve: OVERHEAD,
    carriage: tunnelCarriage(tunnel, {
      device: dev,
      overhead: OVERHEAD,
      headers: [
        { type: 'ipv4', fields: { protocol: 17 } },
        { type: 'udp', fields: { dstPort: port } },
      ],
      // Besides the two hosts, their forwarders.
      hops: 4,
      hopsToHost: 3,
    }),
    refuse: (lab) =>
      lab.families.includes(6)
        ? [
            {
              path: ['network', 'podCIDR'],
              code: 'udp-carries-no-ipv6',
              message: 'udp cannot carry IPv6: as in Flannel, its forwarder knows the header of IPv4 alone',
              hint: 'Use backend vxlan, geneve, gre or direct, or an IPv4 podCIDR alone.',
              forceable: false,
            },
          ]
        : [],
    objects(host, lab) {
      const device: Link = {
        kind: 'link',
        ns: host.netns,
        from: host.source,
        note: 'packets that are routed here wait for the forwarder to read them',
        type: 'tun',
        name: dev,
        mtu: host.mtu - OVERHEAD,
      }
      const peers = peersOf(host, lab).filter((peer) => tunnelled(host, peer, tunnel))
      const objects = overTunnel(host, lab, tunnel, device, () => [])
      return peers.length === 0 ? objects : [...objects, ...routes(host, lab, dev), forwarder(host, peers, port, dev)]
    },
  }
}

export const udpModule: BackendModule = {
  summary: 'packets in UDP by a forwarder in user space, as Flannel udp; IPv4 only',
  options,
  unsaid: { device: DEVICE },
  create: (o) => udp(o as Options),
}
