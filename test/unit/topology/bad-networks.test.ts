import { describeBadInputs } from './bad-input.ts'
import { LAB, type BadInput } from './load.ts'

const NETWORKS: BadInput[] = [
  {
    name: 'host bits',
    text: `${LAB}network:\n  podCIDR: 10.244.1.0/16\n`,
    finds: ['4:12 host-bits'],
    says: ['network.podCIDR: "10.244.1.0/16" has bits set', 'did you mean 10.244.0.0/16?'],
  },
  {
    name: 'host bits of IPv6',
    text: `${LAB}network: { podCIDR: "fd00:10:244::1/48" }\n`,
    finds: ['3:21 host-bits'],
    says: ['fd00:10:244::/48?'],
  },
  {
    name: 'an address where a network is meant',
    text: `${LAB}network: { podCIDR: 10.244.0.0 }\n`,
    finds: ['3:21 invalid-network'],
    says: ['add the prefix length, for example 10.244.0.0/24'],
  },
  {
    name: 'a prefix that is too long',
    text: `${LAB}network: { podCIDR: 10.244.0.0/33 }\n`,
    finds: ['3:21 invalid-network'],
    says: ['at most 32'],
  },
  {
    name: 'no network at all',
    text: `${LAB}network: { podCIDR: pods }\n`,
    finds: ['3:21 invalid-network'],
    says: ['looks like 10.244.0.0/16'],
  },
  {
    name: 'an empty list',
    text: `${LAB}network: { podCIDR: [] }\n`,
    finds: ['3:21 out-of-range'],
    says: ['the list is empty: expected at least 1 item'],
  },
  {
    name: 'three networks',
    text: `${LAB}network: { podCIDR: [10.0.0.0/16, 10.1.0.0/16, "fd00::/48"] }\n`,
    finds: ['3:21 out-of-range'],
    says: ['at most 2 items'],
  },
  {
    name: 'two networks of one family',
    text: `${LAB}network: { podCIDR: [10.0.0.0/16, 10.1.0.0/16] }\n`,
    finds: ['3:21 same-family'],
    says: ['one IPv4 and one IPv6'],
  },
  {
    name: 'one bad network of two',
    text: `${LAB}network: { podCIDR: [10.0.0.0/16, nope] }\n`,
    finds: ['3:35 invalid-network'],
    says: ['network.podCIDR[1]: "nope" is not a network'],
  },
  { name: 'two bad networks', text: `${LAB}network: { podCIDR: [no, nope] }\n`, finds: ['3:22 invalid-network', '3:26 invalid-network'] },
  {
    name: 'neither a network nor a list',
    text: `${LAB}network: { podCIDR: 10 }\n`,
    finds: ['3:21 wrong-type'],
    says: ['expected a network such as 10.244.0.0/16 or fd00:10:244::/48, or a list of one IPv4 and one IPv6 network, found the number 10'],
  },
  {
    name: 'an octet beyond 255',
    text: 'hosts: { n: { address: 10.0.0.256 } }\npods: {}\n',
    finds: ['1:24 invalid-address'],
    says: ['at most 255'],
  },
  {
    name: 'leading zeros',
    text: 'hosts: { n: { address: 10.0.0.010 } }\npods: {}\n',
    finds: ['1:24 invalid-address'],
    says: ['without leading zeros'],
  },
  {
    name: 'an address with a prefix',
    text: 'hosts: { n: { address: 10.0.0.1/24 } }\npods: {}\n',
    finds: ['1:24 invalid-address'],
    says: ['leave out the prefix length: 10.0.0.1'],
  },
  { name: 'an address with a zone', text: 'hosts: { n: { address: "fe80::1%eth0" } }\npods: {}\n', finds: ['1:24 invalid-address'] },
  {
    name: 'a host prefix beyond its family',
    text: `${LAB}network: { hostPrefix: { ipv4: 31 } }\n`,
    finds: ['3:32 out-of-range'],
    says: ['network.hostPrefix.ipv4: 31 is more than the maximum, 30'],
  },
  {
    name: 'a host prefix that is a text',
    text: `${LAB}network: { hostPrefix: /24 }\n`,
    finds: ['3:24 wrong-type'],
    says: ['expected a whole number or a mapping, found the text "/24"'],
  },
  { name: 'a mistyped family', text: `${LAB}network: { hostPrefix: { ipv5: 31 } }\n`, finds: ['3:26 unknown-key'], says: ['`ipv4`'] },
]

const MODULES: BadInput[] = [
  {
    name: 'an unknown backend',
    text: `${LAB}network:\n  backend: vxlam\n`,
    finds: ['4:12 unknown-backend'],
    says: ['network.backend: unknown backend "vxlam"', 'did you mean `vxlan`? (known: vxlan, gre, ipip, direct)'],
  },
  {
    name: 'an unknown backend as type',
    text: `${LAB}network:\n  backend: { type: wireguard, port: 1 }\n`,
    finds: ['4:20 unknown-backend'],
    says: ['network.backend.type: unknown backend "wireguard"', 'known: vxlan, gre, ipip, direct'],
  },
  {
    name: 'an unknown attach module',
    text: `${LAB}network: { attach: brigde }\n`,
    finds: ['3:20 unknown-attach'],
    says: ['`bridge`', 'known: bridge, routed'],
  },
  {
    name: 'an unknown services module',
    text: `${LAB}network: { services: iptable }\n`,
    finds: ['3:22 unknown-services'],
    says: ['network.services: unknown services module "iptable"', 'did you mean `iptables`?'],
  },
  {
    name: 'an unknown policy module, as type',
    text: `${LAB}network: { policy: { type: nftables } }\n`,
    finds: ['3:28 unknown-policy'],
    says: ['network.policy.type: unknown policy module "nftables"', '`iptables`'],
  },
  {
    name: 'an option that a policy module does not have',
    text: `${LAB}network: { policy: { type: iptables, log: true } }\n`,
    finds: ['3:38 unknown-key'],
  },
  {
    name: 'options without a type',
    text: `${LAB}network: { backend: { vni: 7 } }\n`,
    finds: ['3:12 missing-key'],
    says: ['`type` is missing', 'vxlan, gre, ipip or direct'],
  },
  {
    name: 'an option out of range: the other form is not mentioned',
    text: `${LAB}network: { backend: { type: vxlan, vni: 99999999 } }\n`,
    finds: ['3:41 out-of-range'],
    says: ['network.backend.vni: 99999999 is more than the maximum, 16777215'],
  },
  {
    name: 'an option of another backend',
    text: `${LAB}network: { backend: { type: ipip, vni: 7 } }\n`,
    finds: ['3:35 unknown-key'],
    says: ['allowed here: tunnel, type'],
  },
  {
    name: 'a backend that is a number',
    text: `${LAB}network: { backend: 7 }\n`,
    finds: ['3:21 wrong-type'],
    says: ['expected vxlan, gre, ipip or direct, or a mapping with `type`'],
  },
  { name: 'a backend that is a list', text: `${LAB}network: { backend: [vxlan] }\n`, finds: ['3:21 wrong-type'], says: ['found a list'] },
  {
    name: 'a backend that is nothing',
    text: `${LAB}network:\n  backend:\n`,
    finds: ['4:3 wrong-type'],
    says: ['found nothing', 'or remove the key'],
  },
]

describeBadInputs('networks', NETWORKS)
describeBadInputs('modules', MODULES)
