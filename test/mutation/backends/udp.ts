/** UDP: forwarders, their tables, and the device they read. */
import { mutations } from '../mutation.ts'

/** Of a node's forwarder: its directory, as a shell finds it, and its pid. */
const record = (node: string): string => `/run/netlab/$(echo {${node}} | cut -d. -f1)/process/${node}.forwarder`
const pid = (node: string): string => `$(cut -d' ' -f1 ${record(node)}.pid)`

export const udp = mutations(String.raw`
a forwarder killed
machine: kill -9 ${pid('node-2')}

a forwarder stopped
machine: kill -STOP ${pid('node-1')}
undo: kill -CONT ${pid('node-1')}

a host missing in a forwarder's table
machine: sed -i '/^10.244.1.0/d' ${record('node-1')}.d/peers && kill -HUP ${pid('node-1')}

a wrong host in a forwarder's table
machine: sed -i 's/192.168.50.11/192.168.50.99/' ${record('node-2')}.d/peers && kill -HUP ${pid('node-2')}

a forwarder's table readable by others
machine: chmod 0644 ${record('node-1')}.d/peers

UDP 8285 dropped on the underlay
node-1: iptables -I INPUT 1 -p udp --dport 8285 -j DROP
undo: iptables -D INPUT -p udp --dport 8285 -j DROP || true

the TUN device down
node-1: ip link set tun1 down

the TUN device gone
node-2: ip link del tun1

the MTU of the TUN device too small
node-2: ip link set tun1 mtu 1300

no route into the TUN device
node-1: ip route del 10.244.0.0/16

pods' packets past the TUN device
node-2: ip route add 10.244.0.0/24 via 192.168.50.11 dev eth0
undo: ip route del 10.244.0.0/24 via 192.168.50.11
`)
