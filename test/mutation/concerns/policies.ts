/** Chains and sets of NetworkPolicies. */
import { mutations } from '../mutation.ts'

export const policies = mutations(String.raw`
a policy's drop before what it allows
node-2: r=$(iptables -S NETLAB-INGRESS | grep -- '-j DROP$' | tail -1 | sed 's/^-A //'); eval "iptables -D $r"; eval "iptables -I $r"

a policy's drop gone
node-2: r=$(iptables -S NETLAB-INGRESS | grep -- '-j DROP$' | tail -1 | sed 's/^-A //'); eval "iptables -D $r"

what a policy allows gone
node-2: iptables -D NETLAB-INGRESS 1

the chain of policies unhooked
node-2: iptables -D FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY

the IPv6 chain of policies unhooked
node-2: ip6tables -D FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY

replies no longer let through first
node-2: iptables -D NETLAB-POLICY 1

a member gone from a set
node-2: for s in $(ipset list -n); do ipset del $s 10.244.0.2 2>/dev/null || true; done

a member too many in a set
node-2: for s in $(ipset list -n); do if ipset test $s 10.244.0.2 2>/dev/null; then ipset add $s 10.244.0.3; fi; done

no pod isolated any more
node-2: ipset flush np4-in
`)
