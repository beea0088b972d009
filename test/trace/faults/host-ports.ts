/** Ports of hosts that lead to pods: the rule, its target, who must be hidden, and 127.0.0.1. */
import { type Fault, over6 } from './fault.ts'

const NETWORK = 'podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]'

/** @param attach how pods are connected, and so what makes ports lead to them */
export const hostPortTopology = (attach: string): string => `
network: { attach: ${attach}, ${NETWORK} }
underlay: { segments: { lan: [192.168.50.0/24, "fd00:50::/64"] } }
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, containers: [{ name: c, ports: [{ containerPort: 8080, hostPort: 80 }, { containerPort: 5353, protocol: UDP, hostPort: 53 }] }] }
  near: { host: node-1 }
  far: { host: node-2 }
externals: { outside: {} }
`

const WEB = ['--port', '80/tcp']
const misled = (to: string, program = ''): string =>
  `on node-1 sh -c "ip${program}tables-save -t nat | sed 's/--to-destination .*:8080/--to-destination ${to}/' | ip${program}tables-restore -T nat"`

const common: readonly Fault[] = [
  {
    name: 'host port: no rule for what comes in',
    inject: 'on node-1 iptables -t nat -F PREROUTING',
    args: ['outside', 'node-1', ...WEB],
    node: 'node-1',
    cause: 'host-port-missing',
    device: 'eth0',
    outcome: 'rejected',
  },
  {
    name: 'host port: no rule for what comes in, UDP',
    inject: 'on node-1 iptables -t nat -F PREROUTING',
    args: ['far', 'node-1', '--port', '53/udp'],
    node: 'node-1',
    cause: 'host-port-missing',
    outcome: 'rejected',
  },
  {
    name: 'host port: no rule for what the host sends',
    inject: 'on node-1 iptables -t nat -F OUTPUT',
    args: ['node-1', '127.0.0.1', ...WEB],
    node: 'node-1',
    cause: 'host-port-missing',
    outcome: 'rejected',
  },
  {
    name: 'host port: another pod',
    inject: misled('10.244.0.3:8080'),
    args: ['outside', 'node-1', ...WEB],
    node: 'node-1',
    cause: 'host-port-wrong',
    outcome: 'rejected',
    says: /gave it the destination 10\.244\.0\.3:8080, but port 80\/tcp of node-1 leads to pod web, 10\.244\.0\.2:8080/,
  },
  {
    name: 'host port: an address that no pod has',
    inject: misled('10.244.0.99:8080'),
    args: ['far', 'node-1', ...WEB],
    node: 'node-1',
    cause: 'host-port-wrong',
  },
  {
    name: 'host port: the pod itself is not hidden',
    inject: 'on node-1 iptables -t nat -F POSTROUTING',
    args: ['web', 'node-1', ...WEB],
    node: 'node-1',
    cause: 'not-masqueraded',
    says: /from 10\.244\.0\.2 /,
  },
  {
    name: 'host port: the host at 127.0.0.1 is not hidden',
    inject: 'on node-1 iptables -t nat -F POSTROUTING',
    args: ['node-1', '127.0.0.1', ...WEB],
    node: 'node-1',
    cause: 'not-masqueraded',
    says: /from 127\.0\.0\.1 /,
  },
  over6('host port: no rule for what comes in', 'on node-1 ip6tables -t nat -F PREROUTING', 'node-1', 'host-port-missing', {
    args: ['outside', 'node-1', ...WEB],
    outcome: 'rejected',
  }),
  over6('host port: another pod', misled('[fd00:10:244::3]:8080', '6'), 'node-1', 'host-port-wrong', {
    args: ['far', 'node-1', ...WEB],
    outcome: 'rejected',
  }),
]

/** @param device towards the pod */
const localnet = (device: string): readonly Fault[] =>
  ['80/tcp', '53/udp'].map((port) => ({
    name: `host port: nothing of 127.0.0.1 leaves, ${port}`,
    inject: `on node-1 sysctl -qw net.ipv4.conf.${device}.route_localnet=0`,
    args: ['node-1', '127.0.0.1', '--port', port],
    node: 'node-1',
    cause: 'route-localnet',
    device,
  }))

export const hostPorts: readonly Fault[] = [...common, ...localnet('cni0')]
export const hostPortsOfDocker: readonly Fault[] = [...common, ...localnet('docker0')]
export const hostPortsOfRouted: readonly Fault[] = [...common, ...localnet('p1-web')]
