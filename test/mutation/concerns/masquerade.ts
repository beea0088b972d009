/** Rules that masquerade. */
import { mutations } from '../mutation.ts'

export const masquerade = mutations(String.raw`
masquerading gone
node-1: iptables -t nat -F NETLAB-MASQ

masquerading too wide
node-1: iptables -t nat -I POSTROUTING 1 -s 10.244.0.0/16 -j MASQUERADE

the exception for pods gone from masquerading
node-2: iptables -t nat -D NETLAB-MASQ 1
`)
