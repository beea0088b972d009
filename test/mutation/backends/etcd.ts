/** Leases in etcd: the daemons, what they read, and what they have set. */
import { mutations } from '../mutation.ts'

/** Of a node's daemon: its record, as a shell finds it, and its pid. */
const record = (node: string, program: string): string => `/run/netlab/$(echo {${node}} | cut -d. -f1)/process/${node}.${program}`
const pid = (node: string, program: string): string => `$(cut -d' ' -f1 ${record(node, program)}.pid)`
const gone = (node: string, program: string): string => `while kill -0 ${pid(node, program)} 2>/dev/null; do sleep 0.1; done`

export const etcd = mutations(String.raw`
etcd killed
machine: kill -9 ${pid('node-1', 'etcd')}

an agent killed
machine: kill -9 ${pid('node-2', 'agent')}

a lease removed from etcd
machine: ip netns exec {node-1} etcdctl del --prefix /coreos.com/network/subnets/10.244.1.0-24 && ${gone('node-2', 'agent')}

an agent's configuration changed without a word to it
machine: sed -i 's/^seconds .*/seconds 10/' ${record('node-1', 'agent')}.d/agent.conf

a wrong FDB entry, and no agent to put it right
machine: kill -9 ${pid('node-1', 'agent')}; bridge -n {node-1} fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99 self permanent
`)
