/**
 * Encrypted packets in UDP, as Flannel's wireguard sends them: one device a host, and one route to it for all pods.
 *
 *   pod → route 10.244.0.0/16 dev flannel-wg
 *       → the device looks 10.244.1.0/24 up among the AllowedIPs of its peers: node-2, whose endpoint is 192.168.50.12:51820
 *       → outer Ethernet | IPv4 | UDP 51820 | WireGuard: receiver, counter | the pod's packet, encrypted, and its tag
 *       → the device there decrypts it, and takes it only if its source is among the AllowedIPs of the peer that sent it
 *
 * The kernel's routes know one device; which host has which block is in AllowedIPs, and these decide both ways: where a packet goes, and
 * from whom it is taken ("cryptokey routing"). Each host has a key pair, and knows the public keys of the others.
 *
 * The device is the kernel's where it has WireGuard. Elsewhere it is a TUN device, and wireguard-go, a program on each host, does the same
 * with its packets. Neither takes anything from the TTL.
 *
 * 60 bytes: IPv4 20, UDP 8, WireGuard 16, and the tag of 16 bytes behind the packet. What is encrypted is a multiple of 16 bytes, filled up
 * with zeros, though never longer than the device's MTU.
 */
import { readFileSync } from 'node:fs'
import type { Daemon, KernelObject, Link, WireguardConfig } from '../../kernel/objects.ts'
import { addressOf, type Host, type Lab } from '../../lab/lab.ts'
import type { Backend, BackendModule } from '../backend.ts'
import { overTunnel, peersOf, tunnelCarriage, tunnelled, tunnelOption } from '../peers.ts'
import type { OptionTypes, OptionsOf } from '../../topology/schema/schema.ts'

const options = (z: OptionTypes) =>
  z.object({
    port: z.int().min(1).max(65_535).default(51_820).describe('UDP port of every host.'),
    implementation: z
      .enum(['auto', 'kernel', 'user-space'])
      .default('auto')
      .describe('`kernel`: its own device; `user-space`: the program wireguard-go; `auto`: the kernel where it has WireGuard.'),
    tunnel: tunnelOption(z),
  })
type Options = OptionsOf<typeof options>

const DEV = 'flannel-wg'
const OVERHEAD = 60
/** What runs programs where they find the control socket of their own host. */
const CONTROL = 'control.sh'

let source: string | undefined
const controlSource = (): string => (source ??= readFileSync(new URL('./control.sh', import.meta.url), 'utf8'))

const daemonId = (host: Host): string => `${host.name}.wireguard`

const daemon = (host: Host, port: number): Daemon => ({
  kind: 'daemon',
  ns: host.netns,
  from: host.source,
  note: `encrypts what is routed to ${DEV}, and decrypts what comes to UDP port ${port}`,
  id: daemonId(host),
  hostname: host.name,
  node: host.name,
  program: 'wireguard-go',
  // To make mounts takes more than the program may do then: to set the MTU of its device.
  command: ['sh', CONTROL, 'setpriv', '--bounding-set=-all,+net_admin', '--no-new-privs', '--', 'wireguard-go', '-f', DEV],
  files: [{ path: CONTROL, content: controlSource() }],
  ready: { socket: `/var/run/wireguard/${DEV}.sock` },
})

/** What is sent to a host, and taken from it: its block, and its own addresses, under which it answers pods of other hosts. */
const allowedIPs = (host: Host): string[] =>
  [...host.blocks.map((block) => block.cidr), ...host.addresses.map(({ ip, family }) => `${ip}/${family === 4 ? 32 : 128}`)].toSorted()

/** The whole pod network; for the host's own block there are longer prefixes. */
const routes = (host: Host, lab: Lab): KernelObject[] =>
  lab.podCIDRs.map((dst) => ({
    kind: 'route',
    ns: host.netns,
    from: host.source,
    note: 'pods of all other hosts: which host has which, WireGuard knows',
    family: dst.includes(':') ? 6 : 4,
    dst,
    dev: DEV,
  }))

function wireguard({ port, implementation, tunnel }: Options): Backend {
  const byProgram = implementation !== 'kernel'
  return {
    needs: byProgram ? ['tun', 'wireguard-go'] : ['wireguard'],
    reserve: OVERHEAD,
    carriage: tunnelCarriage(tunnel, {
      device: DEV,
      overhead: OVERHEAD,
      encrypted: true,
      headers: [{ type: 'ipv4', fields: { protocol: 17 } }, { type: 'udp', fields: { dstPort: port } }, { type: 'wireguard' }],
    }),
    refuse: () => [],
    objects(host, lab) {
      const peers = peersOf(host, lab).filter((peer) => tunnelled(host, peer, tunnel))
      const mtu = host.mtu - OVERHEAD
      const device: Link = {
        kind: 'link',
        ns: host.netns,
        from: host.source,
        note: byProgram ? 'packets that are routed here wait for wireguard-go to read them' : 'encrypts what is routed here',
        ...(byProgram ? { type: 'tun', pi: true } : { type: 'wireguard' }),
        name: DEV,
        mtu,
      }
      const objects = overTunnel(host, lab, tunnel, device, () => [])
      if (peers.length === 0) return objects
      const config: WireguardConfig = {
        kind: 'wireguard',
        ns: host.netns,
        from: host.source,
        note: 'its own keys, and as peers the hosts behind the tunnel with the blocks of each',
        dev: DEV,
        node: host.name,
        key: host.name,
        port,
        peers: Object.fromEntries(
          peers.map((peer) => [peer.name, { endpoint: `${addressOf(peer, 4)}:${port}`, allowedIPs: allowedIPs(peer) }]),
        ),
        ...(byProgram ? { program: { daemon: daemonId(host), control: CONTROL, mtu } } : {}),
      }
      return [...objects, ...routes(host, lab), ...(byProgram ? [daemon(host, port)] : []), config]
    },
  }
}

export const wireguardModule: BackendModule = {
  summary: 'encrypted packets in UDP, by the kernel or wireguard-go, as Flannel wireguard; IPv4 and IPv6',
  options,
  choose: (chosen, can) =>
    chosen['implementation'] === 'auto' ? { ...chosen, implementation: can('wireguard') ? 'kernel' : 'user-space' } : chosen,
  create: (o) => wireguard(o as Options),
}
