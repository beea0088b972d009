/** Addresses. */
import { mutations } from '../mutation.ts'

export const addresses = mutations(String.raw`
an underlay address deleted
node-2: ip addr del 192.168.50.12/24 dev eth0

a pod's addresses flushed
db: ip addr flush dev eth0

another pod's address taken
far: ip addr add 10.244.1.3/32 dev eth0
undo: ip addr del 10.244.1.3/32 dev eth0

a Service's address taken by a host
node-1: ip addr add 10.96.1.1/32 dev lo
undo: ip addr del 10.96.1.1/32 dev lo
`)
