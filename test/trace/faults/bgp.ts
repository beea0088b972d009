/** BGP: daemons, sessions and filters. */
import type { Fault } from './fault.ts'

const directory = (node: string): string => `/run/netlab/$lab/process/${node}.bird.d`
/** Waits until a node has lost its route to a network: BIRD takes a moment, and the hold time where nothing is said any more. */
export const lost = (node: string, network: string): string =>
  `n=0; while on ${node} ip route show ${network} | grep -q .; do n=$((n + 1)); [ $n -lt 300 ]; sleep 0.1; done`
/** Changes the configuration of a node's BIRD by hand, and has it take that in. */
export const edit = (node: string, change: string): string =>
  `(cd ${directory(node)} && sed -i '${change}' bird.conf && birdc -s bird.ctl configure)`
/** Waits until a node's BIRD says so of a session: the ends meet again some seconds after a session has ended. */
export const says = (node: string, words: string): string =>
  `n=0; until birdc -s ${directory(node)}/bird.ctl show protocols all | grep -q '${words}'; do n=$((n + 1)); [ $n -lt 300 ]; sleep 0.1; done`
const rules = (action: '-I' | '-D'): string =>
  ['--dport', '--sport'].map((end) => `on node-2 iptables ${action} INPUT -p tcp ${end} 179 -j DROP`).join('; ')

const POD_B = '10.244.1.0/24'
const POD_A = '10.244.0.0/24'

export const bgp: readonly Fault[] = [
  {
    name: 'BIRD killed',
    inject: `kill -9 $(cut -d' ' -f1 /run/netlab/$lab/process/node-2.bird.pid); ${lost('node-1', POD_B)}`,
    node: 'node-1',
    cause: 'session-down',
    says: /BGP session node-1–node-2 is \w+.*; bird on node-2 is not running/,
  },
  {
    name: 'TCP 179 dropped',
    inject: `${rules('-I')}; ${lost('node-1', POD_B)}`,
    undo: rules('-D'),
    node: 'node-1',
    cause: 'session-down',
    says: /BGP session node-1–node-2 is \w+: BGP Error: Hold timer expired/,
    hint: 'shows',
  },
  {
    name: 'wrong AS',
    inject: `${edit('node-2', 's/11 as 64512/11 as 64999/')}; ${lost('node-1', POD_B)}; ${says('node-2', 'Bad peer AS')}`,
    node: 'node-1',
    cause: 'session-down',
    says: /BGP session node-1–node-2 is \w+.*Bad peer AS/,
    hint: 'shows',
  },
  {
    name: 'block not announced',
    inject: `${edit('node-2', 's/export where proto.*;$/export none; };/')}; ${lost('node-1', POD_B)}`,
    node: 'node-1',
    cause: 'route-filtered',
    says: /bird on node-2 does not announce 10\.244\.1\.0\/24 to node-1/,
  },
  {
    name: 'block not accepted',
    inject: `${edit('node-1', 's/import all/import none/')}; ${lost('node-1', POD_B)}`,
    node: 'node-1',
    cause: 'route-filtered',
    says: /bird on node-1 does not accept 10\.244\.1\.0\/24 from node-2/,
  },
  {
    name: 'route kept from the kernel',
    inject: `${edit('node-1', 's/export where source = RTS_BGP/export none/')}; ${lost('node-1', POD_B)}`,
    node: 'node-1',
    cause: 'route-filtered',
    says: /bird on node-1 has 10\.244\.1\.0\/24, and has not written it into the table of the kernel/,
  },
  {
    name: 'no route back learned',
    inject: `${edit('node-1', 's/export where proto.*;$/export none; };/')}; ${lost('node-2', POD_A)}`,
    node: 'node-2',
    cause: 'route-filtered',
    says: /has no route back to .*bird on node-1 does not announce 10\.244\.0\.0\/24 to node-2/,
  },
]
