/** WireGuard: keys, peers, and the program where the kernel has no such device. */
import { missing } from '../../support/machine.ts'
import { mutations } from '../mutation.ts'

const NODES = ['node-1', 'node-2'] as const
/** Directory of the lab's daemons and keys, as a shell finds it. */
const records = '/run/netlab/$(echo {node-1} | cut -d. -f1)/process'
/** Runs `wg` where it finds a node's device, the kernel's or a program's. */
const wg = (node: (typeof NODES)[number], words: string): string =>
  `cd ${records} && { [ ! -d ${node}.wireguard.d ] || cd ${node}.wireguard.d; } && nsenter --net=/run/netns/{${node}} $([ ! -e control.sh ] || echo sh control.sh) wg ${words}`
/** A node's public key, from either directory. */
const key = (node: string): string => `$(cat keys/${node}.pub ../keys/${node}.pub 2>/dev/null)`

const device = mutations(String.raw`
another private key
machine: K=$(mktemp) && wg genkey >$K && ${wg('node-1', 'set flannel-wg private-key $K')}; rm $K

a peer missing
machine: ${wg('node-2', `set flannel-wg peer ${key('node-1')} remove`)}

a peer that was not asked for
machine: ${wg('node-1', 'set flannel-wg peer $(wg genkey | wg pubkey) allowed-ips 10.244.9.0/24')}

AllowedIPs too narrow
machine: ${wg('node-1', `set flannel-wg peer ${key('node-2')} allowed-ips 10.244.1.128/25`)}

AllowedIPs of another host
machine: ${wg('node-2', `set flannel-wg peer ${key('node-1')} allowed-ips 10.244.0.0/24,0.0.0.0/0`)}

wrong endpoints at both ends, as one that is right mends the other
machine: (${wg('node-1', `set flannel-wg peer ${key('node-2')} endpoint 192.168.50.99:51820`)}) && ${wg('node-2', `set flannel-wg peer ${key('node-1')} endpoint 192.168.50.99:51820`)}

another port
machine: ${wg('node-2', 'set flannel-wg listen-port 51821')}

a private key that others may read
machine: chmod 0644 ${records}/keys/node-1.key

UDP 51820 dropped on the underlay
node-1: iptables -I INPUT 1 -p udp --dport 51820 -j DROP
undo: iptables -D INPUT -p udp --dport 51820 -j DROP || true

the WireGuard device down
node-1: ip link set flannel-wg down

the MTU of the WireGuard device too small
node-2: ip link set flannel-wg mtu 1300

no route into the WireGuard device
node-1: ip route del 10.244.0.0/16
`)

const program = mutations(String.raw`
wireguard-go killed
machine: kill -9 $(cut -d' ' -f1 ${records}/node-2.wireguard.pid)

wireguard-go stopped
machine: kill -STOP $(cut -d' ' -f1 ${records}/node-1.wireguard.pid)
undo: kill -CONT $(cut -d' ' -f1 ${records}/node-1.wireguard.pid)
`)

/** Where the kernel has WireGuard, no program runs. */
export const wireguard = [...device, ...(missing('wireguard') === undefined ? [] : program)]
