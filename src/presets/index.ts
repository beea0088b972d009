/**
 * Real systems by name: what each chooses for a topology that says `preset: NAME`. Data alone: modules do the work, and a page in
 * docs/presets/ says how far the likeness goes. A new one: an entry here, its page, and what the real system makes in
 * test/support/real-systems.ts.
 *
 * Names of devices, chains and host ends of pods are those of the real systems. `tunl0` is the exception: the kernel makes a device of
 * that name in every namespace by itself, and Calico takes it as it finds it; here the tunnel is one of netlab's own.
 */
import type { Preset } from '../topology/preset.ts'

/** Two subnets: what is done only between them can be seen. */
const SUBNETS = { segments: { 'subnet-1': '192.168.1.0/24', 'subnet-2': '192.168.2.0/24' } }

const CNI_BRIDGE = { type: 'bridge', name: 'cni0', interfaces: 'veth########' }

const flannel = (summary: string, backend: object): Preset => ({
  summary,
  network: { backend, attach: CNI_BRIDGE, policy: 'none', masquerade: { chain: 'FLANNEL-POSTRTG' } },
})

const FLANNEL_VXLAN = { type: 'vxlan', vni: 1, port: 8472, device: 'flannel.{vni}' }

const CALI = { type: 'routed', interfaces: 'cali###########' }

const calico = (summary: string, backend: object, underlay?: Preset['underlay']): Preset => ({
  summary,
  network: {
    hostPrefix: { ipv4: 26, ipv6: 122 },
    backend,
    attach: CALI,
    policy: 'iptables',
    masquerade: { chain: 'cali-nat-outgoing' },
  },
  ...(underlay ? { underlay } : {}),
})

const CALICO_TUNNEL = { type: 'bgp', mode: 'mesh', device: 'tunl1' }

export const presets: Readonly<Record<string, Preset>> = {
  docker: {
    summary: 'one machine, the bridge docker0, published ports',
    network: {
      podCIDR: '172.17.0.0/16',
      hostPrefix: 16,
      backend: 'direct',
      attach: { type: 'bridge', name: 'docker0', interfaces: 'veth#######' },
      policy: 'none',
    },
  },
  flannel: flannel('VXLAN between hosts; policies are enforced by nothing', FLANNEL_VXLAN),
  'flannel-host-gw': flannel('routes by way of the other host, on one segment', { type: 'direct' }),
  'flannel-udp': flannel('UDP by a program', { type: 'udp', port: 8285, device: 'flannel0' }),
  'flannel-ipip': flannel('IP in IP', { type: 'ipip', device: 'flannel.ipip' }),
  'flannel-wireguard': flannel('encrypted, by WireGuard', { type: 'wireguard', port: 51_820 }),
  'calico-bgp': calico('bare packets, routes by BGP from every host to every other', { type: 'bgp', mode: 'mesh', tunnel: 'never' }),
  'calico-bgp-rr': calico('bare packets, routes by BGP through a route reflector', {
    type: 'bgp',
    mode: 'route-reflector',
    tunnel: 'never',
  }),
  'calico-ipip': calico('IP in IP between all hosts, routes by BGP', { ...CALICO_TUNNEL, tunnel: 'always' }),
  'calico-cross-subnet': calico(
    'IP in IP between hosts of different subnets alone, routes by BGP',
    { ...CALICO_TUNNEL, tunnel: 'cross-segment' },
    SUBNETS,
  ),
  'calico-bgp-tor': calico(
    'bare packets, routes by BGP through the routers of the racks',
    { type: 'bgp', mode: 'tor', tunnel: 'never' },
    { routing: 'bgp', spines: 2, segments: { 'rack-1': '192.168.1.0/24', 'rack-2': '192.168.2.0/24' } },
  ),
  'calico-vxlan': calico('VXLAN between all hosts', { type: 'vxlan', vni: 4096, port: 4789, device: 'vxlan.calico' }),
  canal: {
    summary: "Flannel's VXLAN between hosts, Calico's pods and policies",
    network: { backend: FLANNEL_VXLAN, attach: CALI, policy: 'iptables', masquerade: { chain: 'FLANNEL-POSTRTG' } },
  },
  'kube-router': {
    summary: 'bare packets inside a subnet, IP in IP between subnets, routes by BGP; Services by iptables, not IPVS yet',
    network: {
      backend: { type: 'bgp', mode: 'mesh', tunnel: 'cross-segment', device: 'tun-###########', table: 77 },
      attach: { type: 'bridge', name: 'kube-bridge', interfaces: 'veth########' },
      policy: 'iptables',
    },
    underlay: SUBNETS,
  },
  weave: {
    summary: 'one link and one network for the pods of all hosts, VXLAN between their bridges',
    network: {
      podCIDR: '10.32.0.0/12',
      hostPrefix: 20,
      backend: { type: 'vxlan', mode: 'bridged', port: 6784, device: 'vxlan-6784' },
      attach: { type: 'bridge', name: 'weave', interfaces: 'vethwepl#######' },
      policy: 'iptables',
      masquerade: { chain: 'WEAVE' },
    },
  },
  vpc: {
    summary: "the cloud's route table knows where pods are, hosts a default route",
    network: {
      backend: { type: 'vpc' },
      attach: { type: 'bridge', name: 'cbr0', interfaces: 'veth########' },
      masquerade: { chain: 'IP-MASQ-AGENT' },
    },
  },
}

/** Presets to come, and what each waits for. */
export const waiting: Readonly<Record<string, string>> = {
  'weave-encrypted': 'there is no encryption yet',
}
