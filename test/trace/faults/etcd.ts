/** Routes from leases in etcd: agents that do not run, and leases that are gone or wrong. */
import type { Fault } from './fault.ts'
import { lost } from './bgp.ts'

const SUBNETS = '/coreos.com/network/subnets'
const end = (node: string): string => `kill -9 $(cut -d' ' -f1 /run/netlab/$lab/process/${node}.agent.pid)`
/** Waits until a node sends what is for an address's VTEP there. */
const behind = (node: string, address: string): string =>
  `n=0; until on ${node} bridge fdb show dev vxlan1 | grep -q 'dst ${address} '; do n=$((n + 1)); [ $n -lt 300 ]; sleep 0.1; done`
const WRONG = '{"PublicIP":"192.168.50.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:06:00:01:00:00"}}'

export const etcd: readonly Fault[] = [
  {
    name: 'agent killed, and a route lost',
    inject: `${end('node-1')}; on node-1 ip route del 10.244.1.0/24`,
    node: 'node-1',
    cause: 'agent-down',
    says: /node-1 has no route to 10\.244\.1\.\d+; agent on node-1 is not running/,
  },
  {
    name: 'lease removed',
    inject: `on node-1 etcdctl del ${SUBNETS}/10.244.1.0-24; ${lost('node-1', '10.244.1.0/24')}`,
    node: 'node-1',
    cause: 'lease',
    says: /the lease of node-2 is not in etcd: there is no \S+10\.244\.1\.0-24; agent on node-2 is not running/,
  },
  {
    name: 'lease of the sender removed',
    inject: `on node-1 etcdctl del ${SUBNETS}/10.244.0.0-24; ${lost('node-2', '10.244.0.0/24')}`,
    node: 'node-2',
    cause: 'lease',
    says: /the lease of node-1 is not in etcd/,
  },
  {
    name: 'lease with a wrong address',
    inject: `${end('node-2')}; on node-1 etcdctl put ${SUBNETS}/10.244.1.0-24 '${WRONG}'; ${behind('node-1', '192.168.50.99')}`,
    node: 'node-1',
    cause: 'lease',
    says: /to 192\.168\.50\.99; .*the lease of node-2 in etcd is not as the lab asked for: .*PublicIP\S+192\.168\.50\.99/,
  },
]
