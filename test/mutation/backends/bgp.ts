/** BGP: daemons, their configuration, sessions, and routes beside the learned ones. */
import { mutations } from '../mutation.ts'

/** Of a node's BIRD: its directory, as a shell finds it, and its pid. */
const bird = (node: string): string => `/run/netlab/$(echo {${node}} | cut -d. -f1)/process/${node}.bird`
const pid = (node: string): string => `$(cut -d' ' -f1 ${bird(node)}.pid)`

export const bgp = mutations(String.raw`
BIRD killed
machine: kill -9 ${pid('node-2')}

BIRD stopped
machine: kill -STOP ${pid('node-1')}
undo: kill -CONT ${pid('node-1')}

BIRD announces nothing
machine: cd ${bird('node-2')}.d && sed -i 's/export where proto.*;$/export none; };/' bird.conf && birdc -s bird.ctl configure

BIRD's configuration changed without a word to it
machine: sed -i 's/hold time 9/hold time 90/' ${bird('node-1')}.d/bird.conf

BIRD's configuration readable by others
machine: chmod 0644 ${bird('node-1')}.d/bird.conf

a BGP session taken down
machine: cd ${bird('node-1')}.d && birdc -s bird.ctl disable "'h2-node-2'"
undo: cd ${bird('node-1')}.d && birdc -s bird.ctl enable "'h2-node-2'"

a better route than the learned one
node-1: ip route add 10.244.1.0/24 via 192.168.50.1
undo: ip route del 10.244.1.0/24 via 192.168.50.1
`)
