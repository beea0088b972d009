/** What netlab may need of a kernel beyond namespaces, veth and bridges. Found by trying (see probe.ts). */
export type Feature = 'netns' | 'veth' | 'bridge' | 'vxlan' | 'gre' | 'ipip' | 'br_netfilter' | 'masquerade' | 'masquerade6' | 'services' | 'services6' | 'ipset' | 'bpf-match' | 'ipv6'
