/** WireGuard: keys, allowed IPs and endpoints that do not fit, and the program where the kernel has no such device. */
import type { Fault } from './fault.ts'

/** In the directory of the lab's daemons and keys: `wgin NODE WORDS…` runs `wg` where it finds the node's device, `key NODE` prints a public key. */
const TOOLS = `
cd /run/netlab/$lab/process
key() { cat "keys/$1.pub"; }
wgin() {
  at=$1; shift
  if [ -d "$at.wireguard.d" ]; then (cd "$at.wireguard.d" && on "$at" sh control.sh wg "$@"); else on "$at" wg "$@"; fi
}
`
const set = (node: string, words: string): string => `${TOOLS}wgin ${node} set flannel-wg ${words}`
const pid = (node: string): string => `$(cut -d' ' -f1 /run/netlab/$lab/process/${node}.wireguard.pid)`
/** Where the kernel encrypts there is no program to end. */
const needs = '! ip link add npw type wireguard'

export const wireguard: readonly Fault[] = [
  {
    name: 'another private key',
    inject: `${TOOLS}wg genkey | wgin node-1 set flannel-wg private-key /dev/stdin`,
    node: 'node-1',
    cause: 'wireguard-key',
    device: 'flannel-wg',
    says: /WireGuard on flannel-wg of node-1 has a key that is none of the lab: node-2 knows it by another/,
  },
  {
    name: 'another public key of the peer',
    inject: set('node-2', 'peer "$(key node-1)" remove peer "$(wg genkey | wg pubkey)" allowed-ips 10.244.0.0/24'),
    node: 'node-2',
    cause: 'wireguard-key',
    says: /WireGuard on flannel-wg of node-2 has no peer with the key of node-1/,
  },
  {
    name: 'a preshared key at one end',
    inject: `${TOOLS}wgin node-2 set flannel-wg peer "$(key node-1)" remove
wg genpsk | wgin node-2 set flannel-wg peer "$(key node-1)" preshared-key /dev/stdin endpoint 192.168.50.11:51820 allowed-ips 10.244.0.0/24`,
    node: 'node-2',
    cause: 'wireguard-key',
    says: /wants a preshared key of node-1, which has none/,
  },
  {
    name: 'allowed IPs of the sender too narrow',
    inject: set('node-1', 'peer "$(key node-2)" allowed-ips 10.244.1.128/25'),
    node: 'node-1',
    cause: 'wireguard-allowed-ips',
    says: /has no peer for 10\.244\.1\.\d+: it is not among the allowed IPs of node-2, which are 10\.244\.1\.128\/25/,
  },
  {
    name: 'allowed IPs of the receiver too narrow',
    inject: set('node-2', 'peer "$(key node-1)" allowed-ips 10.244.0.128/25'),
    node: 'node-2',
    cause: 'wireguard-allowed-ips',
    says: /decrypted it and dropped it: 10\.244\.0\.\d+ is not among the allowed IPs of node-1, which are 10\.244\.0\.128\/25/,
  },
  {
    name: 'wrong endpoint',
    inject: set('node-1', 'peer "$(key node-2)" endpoint 192.168.50.99:51820'),
    node: 'node-1',
    cause: 'wireguard-endpoint',
    says: /to 192\.168\.50\.99.*; the lab asked for 192\.168\.50\.12/,
  },
  {
    name: 'another port',
    inject: set('node-2', 'listen-port 51821'),
    node: 'node-2',
    cause: 'wireguard-endpoint',
    says: /receives on UDP port 51821, but node-1 sends to 51820/,
  },
  {
    name: 'daemon killed',
    needs,
    inject: `kill -9 ${pid('node-1')}`,
    node: 'node-1',
    cause: 'forwarder-down',
    says: /wireguard-go on node-1, which carries the packets of flannel-wg .* is not running/,
  },
  {
    name: 'daemon of the other host killed',
    needs,
    inject: `kill -9 ${pid('node-2')}`,
    node: 'node-2',
    cause: 'forwarder-down',
    says: /wireguard-go on node-2, .* is not running/,
  },
  {
    name: 'underlay refuses UDP 51820',
    inject: 'on node-2 iptables -I INPUT -p udp --dport 51820 -j DROP',
    undo: 'on node-2 iptables -D INPUT 1',
    node: 'node-2',
    cause: 'tunnel-firewall',
  },
  {
    name: 'WireGuard device down',
    inject: 'on node-2 ip link set flannel-wg down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'flannel-wg',
  },
]
