/** Neighbours and MAC addresses. */
import { mutations } from '../mutation.ts'

export const neighbours = mutations(String.raw`
another MAC
web-1: ip link set eth0 address 02:00:00:00:00:99

a wrong MAC for a pod's gateway
web-1: g=$(ip route show default | cut -d ' ' -f 3); ip neigh replace $g lladdr 02:00:00:00:00:99 dev eth0 nud permanent
undo: ip neigh flush dev eth0 nud permanent

a wrong MAC for the other host
node-1: ip neigh replace 192.168.50.12 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
undo: ip neigh del 192.168.50.12 dev eth0

a pod without ARP
web-2: ip link set eth0 arp off
`)
