/** UDP: forwarders, their tables, and the device they read. */
import type { Fault } from './fault.ts'

const record = (node: string): string => `/run/netlab/$lab/process/${node}.forwarder`
const pid = (node: string): string => `$(cut -d' ' -f1 ${record(node)}.pid)`
/** Changes the table of a node's forwarder by hand, and has it take that in. */
const edit = (node: string, change: string): string => `sed -i '${change}' ${record(node)}.d/peers; kill -HUP ${pid(node)}`

export const udp: readonly Fault[] = [
  {
    name: 'forwarder killed',
    inject: `kill -9 ${pid('node-1')}`,
    node: 'node-1',
    cause: 'forwarder-down',
    says: /forwarder on node-1, which carries the packets of tun1 .* is not running: was ended by signal 9/,
  },
  {
    name: 'forwarder of the other host killed',
    inject: `kill -9 ${pid('node-2')}`,
    node: 'node-2',
    cause: 'forwarder-down',
    says: /forwarder on node-2, which carries the packets of tun1 .* is not running/,
  },
  {
    name: 'forwarder stopped',
    inject: `kill -STOP ${pid('node-1')}`,
    undo: `kill -CONT ${pid('node-1')}`,
    node: 'node-1',
    cause: 'forwarder-down',
    says: /is stopped and reads nothing/,
    hint: 'shows',
  },
  {
    name: 'host missing in the table',
    inject: edit('node-1', '/^10.244.1.0/d'),
    node: 'node-1',
    cause: 'forwarder-table',
    says: /does not know which host has 10\.244\.1\.\d+: .* 10\.244\.1\.0\/24 at 192\.168\.50\.12 is missing/,
  },
  {
    name: 'wrong host in the table',
    inject: edit('node-1', 's/192.168.50.12/192.168.50.99/'),
    node: 'node-1',
    cause: 'forwarder-table',
    says: /sends what is for 10\.244\.1\.0\/24 to 192\.168\.50\.99, by its table; the lab asked for 192\.168\.50\.12/,
  },
  {
    name: 'underlay refuses UDP 8285',
    inject: 'on node-2 iptables -I INPUT -p udp --dport 8285 -j DROP',
    undo: 'on node-2 iptables -D INPUT 1',
    node: 'node-2',
    cause: 'tunnel-firewall',
  },
  { name: 'TUN device down', inject: 'on node-2 ip link set tun1 down', node: 'node-2', cause: 'interface-down', device: 'tun1' },
]
