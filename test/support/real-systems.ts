/**
 * What real systems make on a host, from their sources and documentation, for a lab of two hosts with a pod on each; and where netlab's
 * presets differ. A difference is named here, and on the page of the preset.
 */
export interface RealSystem {
  /** Where the lists below are from: files of repositories, pages. */
  readonly sources: readonly string[]
  /** The page that says how far the likeness goes. */
  readonly page: string
  /** Devices of the first host beside lo and eth0. */
  readonly devices: readonly string[]
  /** Of these devices: `10.244.0.0/32 dev flannel.1`. */
  readonly addresses: readonly string[]
  /** But for connected ones and the default, as `ip route` prints them, without protocol, scope and source. */
  readonly routes: readonly string[]
  /** `from 10.244.0.0/24 lookup 77`. */
  readonly rules?: readonly string[]
  /** `nat FLANNEL-POSTRTG`. */
  readonly chains: readonly string[]
  /** Names in the system, and the names that stand for them here. */
  readonly standIns?: Readonly<Record<string, string>>
  /** In the system, and not here. */
  readonly missing: readonly string[]
  /** Here, and not in the system. */
  readonly own: readonly string[]
}

/** What a host has, in the same words. */
export interface Seen {
  readonly devices: readonly string[]
  readonly addresses: readonly string[]
  readonly routes: readonly string[]
  readonly rules: readonly string[]
  readonly chains: readonly string[]
}

/** Host ends of `pod-a` and `pod-b`: by sha1sum of `default.pod-a` and `default.pod-b`. */
const CALI = 'cali5e1c4d6c68c'
const VETH = 'veth5e1c4d6c'

const MASQ = 'nat NETLAB-MASQ'
const POLICIES = ['filter NETLAB-POLICY', 'filter NETLAB-INGRESS']

const FLANNEL = {
  page: 'docs/presets/flannel.md',
  chains: ['nat FLANNEL-POSTRTG', 'filter FLANNEL-FWD'],
  missing: ['filter FLANNEL-FWD'],
  own: [],
}
const FLANNEL_IPTABLES = 'flannel-io/flannel pkg/trafficmngr/iptables/iptables.go'
const CNI0 = { devices: ['cni0', VETH], addresses: ['10.244.0.1/24 dev cni0'] }

const FELIX = [
  ...['INPUT', 'FORWARD', 'OUTPUT', 'from-wl-dispatch', 'to-wl-dispatch', 'wl-to-host', `fw-${CALI}`, `tw-${CALI}`].map(
    (c) => `filter cali-${c}`,
  ),
  ...['PREROUTING', 'POSTROUTING', 'OUTPUT', 'fip-dnat', 'fip-snat', 'nat-outgoing'].map((c) => `nat cali-${c}`),
]
const CALICO = {
  page: 'docs/presets/calico.md',
  chains: FELIX,
  missing: FELIX.filter((c) => c !== 'nat cali-nat-outgoing'),
  own: POLICIES,
}
const CALICO_SOURCES = [
  'projectcalico/calico felix/rules/rule_defs.go',
  'projectcalico/libcalico-go lib/backend/k8s/conversion: VethNameForWorkload',
  'https://docs.tigera.io/calico/latest/reference/faq: 169.254.1.1',
]
const BLOCK = ['blackhole 10.244.0.0/26', `10.244.0.2 dev ${CALI}`]
/** Where no router gives a default route, proxy ARP needs one to the gateway. */
const GATEWAY = '169.254.1.1 dev eth0'

/** Open vSwitch's datapath, and the pair that joins it with the bridge. */
const FAST_DATAPATH = ['datapath', 'vethwe-datapath', 'vethwe-bridge']
const WEAVE_NPC = ['', '-DEFAULT', '-INGRESS', '-EGRESS', '-EGRESS-DEFAULT', '-EGRESS-CUSTOM', '-EGRESS-ACCEPT'].map(
  (c) => `filter WEAVE-NPC${c}`,
)
const WEAVE_CANARIES = ['mangle', 'nat', 'filter'].map((table) => `${table} WEAVE-CANARY`)

export const realSystems: Readonly<Record<string, RealSystem>> = {
  docker: {
    page: 'docs/presets/docker.md',
    sources: [
      'https://docs.docker.com/engine/network/packet-filtering-firewalls/',
      'dockerd 20.10: iptables-save in a namespace of its own',
    ],
    devices: ['docker0', 'veth5e1c4d6'],
    addresses: ['172.17.0.1/16 dev docker0'],
    routes: [],
    chains: ['nat DOCKER', 'filter DOCKER', 'filter DOCKER-USER', 'filter DOCKER-ISOLATION-STAGE-1', 'filter DOCKER-ISOLATION-STAGE-2'],
    missing: [],
    own: [MASQ],
  },
  flannel: {
    ...FLANNEL,
    sources: [FLANNEL_IPTABLES, 'flannel-io/flannel pkg/backend/vxlan/vxlan.go, vxlan_network.go'],
    devices: [...CNI0.devices, 'flannel.1'],
    addresses: [...CNI0.addresses, '10.244.0.0/32 dev flannel.1'],
    routes: ['10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink'],
  },
  'flannel-host-gw': {
    ...FLANNEL,
    ...CNI0,
    sources: [FLANNEL_IPTABLES, 'flannel-io/flannel pkg/backend/hostgw/hostgw.go'],
    routes: ['10.244.1.0/24 via 192.168.50.12 dev eth0'],
  },
  'flannel-udp': {
    ...FLANNEL,
    sources: [FLANNEL_IPTABLES, 'flannel-io/flannel pkg/backend/udp/udp_network_amd64.go'],
    devices: [...CNI0.devices, 'flannel0'],
    addresses: [...CNI0.addresses, '10.244.0.0/32 dev flannel0'],
    routes: ['10.244.0.0/16 dev flannel0'],
  },
  'flannel-ipip': {
    ...FLANNEL,
    sources: [FLANNEL_IPTABLES, 'flannel-io/flannel pkg/backend/ipip/ipip.go'],
    devices: [...CNI0.devices, 'flannel.ipip'],
    addresses: [...CNI0.addresses, '10.244.0.0/32 dev flannel.ipip'],
    routes: ['10.244.1.0/24 via 192.168.50.12 dev flannel.ipip onlink'],
  },
  'flannel-wireguard': {
    ...FLANNEL,
    sources: [
      FLANNEL_IPTABLES,
      'flannel-io/flannel pkg/backend/wireguard/wireguard.go',
      'flannel-io/flannel pkg/backend/wireguard/device.go',
    ],
    devices: [...CNI0.devices, 'flannel-wg'],
    addresses: [...CNI0.addresses, '10.244.0.0/32 dev flannel-wg'],
    routes: ['10.244.0.0/16 dev flannel-wg'],
  },
  'calico-bgp': {
    ...CALICO,
    sources: CALICO_SOURCES,
    devices: [CALI],
    addresses: [],
    routes: [...BLOCK, '10.244.0.64/26 via 192.168.50.12 dev eth0'],
    own: [...CALICO.own, GATEWAY],
  },
  'calico-bgp-rr': {
    ...CALICO,
    sources: CALICO_SOURCES,
    devices: [CALI],
    addresses: [],
    routes: [...BLOCK, '10.244.0.64/26 via 192.168.50.12 dev eth0'],
    own: [...CALICO.own, GATEWAY],
  },
  'calico-bgp-tor': {
    ...CALICO,
    sources: CALICO_SOURCES,
    devices: [CALI],
    addresses: [],
    routes: [...BLOCK, '10.244.0.64/26 via 192.168.1.1 dev eth0'],
  },
  'calico-ipip': {
    ...CALICO,
    sources: CALICO_SOURCES,
    devices: [CALI, 'tunl0'],
    addresses: ['10.244.0.0/32 dev tunl0'],
    routes: [...BLOCK, '10.244.0.64/26 via 192.168.50.12 dev tunl0 onlink'],
    standIns: { tunl0: 'tunl1' },
    own: [...CALICO.own, GATEWAY],
  },
  'calico-cross-subnet': {
    ...CALICO,
    sources: CALICO_SOURCES,
    devices: [CALI, 'tunl0'],
    addresses: ['10.244.0.0/32 dev tunl0'],
    routes: [...BLOCK, '10.244.0.64/26 via 192.168.2.11 dev tunl0 onlink'],
    standIns: { tunl0: 'tunl1' },
  },
  'calico-vxlan': {
    ...CALICO,
    sources: [...CALICO_SOURCES, 'projectcalico/calico felix/rules/static.go: vxlan.calico', 'felix/config: VXLANVNI 4096, VXLANPort 4789'],
    devices: [CALI, 'vxlan.calico'],
    addresses: ['10.244.0.0/32 dev vxlan.calico'],
    routes: [...BLOCK, '10.244.0.64/26 via 10.244.0.64 dev vxlan.calico onlink'],
    own: [...CALICO.own, GATEWAY],
  },
  canal: {
    page: 'docs/presets/canal.md',
    sources: [FLANNEL_IPTABLES, 'flannel-io/flannel pkg/backend/vxlan/vxlan.go', ...CALICO_SOURCES],
    devices: [CALI, 'flannel.1'],
    addresses: ['10.244.0.0/32 dev flannel.1'],
    routes: [`10.244.0.2 dev ${CALI}`, '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink'],
    chains: [...FLANNEL.chains, ...FELIX],
    missing: [...FLANNEL.missing, ...FELIX],
    own: [...POLICIES, GATEWAY, 'blackhole 10.244.0.0/24'],
  },
  'kube-router': {
    page: 'docs/presets/kube-router.md',
    sources: [
      'cloudnativelabs/kube-router pkg/tunnels/linux_tunnels.go, pkg/routes/pbr.go',
      'cloudnativelabs/kube-router pkg/controllers/netpol/network_policy_controller.go, pkg/controllers/proxy/network_services_controller.go',
    ],
    // tun-, then the first 11 digits of sha256sum of the peer's address without dots.
    devices: ['kube-bridge', VETH, 'tun-cbbda4521e5', 'kube-dummy-if'],
    addresses: ['10.244.0.1/24 dev kube-bridge'],
    routes: ['10.244.1.0/24 dev tun-cbbda4521e5', '192.168.2.11 dev tun-cbbda4521e5 table 77'],
    rules: ['from 10.244.0.0/24 lookup 77'],
    chains: ['INPUT', 'FORWARD', 'OUTPUT', 'SERVICES'].map((c) => `filter KUBE-ROUTER-${c}`),
    missing: ['kube-dummy-if', ...['INPUT', 'FORWARD', 'OUTPUT', 'SERVICES'].map((c) => `filter KUBE-ROUTER-${c}`)],
    own: [MASQ, ...POLICIES],
  },
  weave: {
    page: 'docs/presets/weave.md',
    sources: [
      'weaveworks/weave net/bridge.go, net/veth.go, net/expose.go, net/iptables.go',
      'weaveworks/weave router/fastdp.go: vxlan-6784; prog/weave-kube/launch.sh: 10.32.0.0/12, expose',
      'weaveworks/weave common/chains/npc.go, prog/weave-npc/main.go; test/830_cni_plugin_test.sh: vethwepl',
    ],
    devices: ['weave', 'vethwepl5e1c4d6', ...FAST_DATAPATH, 'vxlan-6784'],
    addresses: ['10.32.0.1/12 dev weave'],
    routes: [],
    chains: ['nat WEAVE', ...WEAVE_NPC, ...WEAVE_CANARIES],
    missing: [...FAST_DATAPATH, ...WEAVE_NPC, ...WEAVE_CANARIES],
    own: POLICIES,
  },
  vpc: {
    page: 'docs/presets/vpc.md',
    sources: [
      'kubernetes/kubernetes v1.20 pkg/kubelet/dockershim/network/kubenet/kubenet_linux.go: cbr0',
      'kubernetes-sigs/ip-masq-agent cmd/ip-masq-agent/ip-masq-agent.go: IP-MASQ-AGENT',
    ],
    devices: ['cbr0', VETH],
    addresses: ['10.244.0.1/24 dev cbr0'],
    routes: [],
    chains: ['nat IP-MASQ-AGENT'],
    missing: [],
    own: POLICIES,
  },
}

/** The lab that the lists are of: something published or a policy on the first host, so that there is what it takes. */
export const labFor = (preset: string): string =>
  preset === 'docker'
    ? `network: { preset: docker }
hosts: { node-1: {} }
pods: { pod-a: { containers: [{ name: web, ports: [{ containerPort: 8080, hostPort: 80 }] }] } }
`
    : `network: { preset: ${preset} }
hosts: { node-1: {}, node-2: {} }
pods: { pod-a: { host: node-1, labels: { app: web } }, pod-b: { host: node-2 } }
policies: { web: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: {} }] }] } }
`

const ASPECTS = ['devices', 'addresses', 'routes', 'rules', 'chains'] as const

/** What the first host must have, by aspects, sorted: as the real system, but for the differences that are named. */
export function expected({ standIns = {}, missing, own, ...real }: RealSystem): Seen {
  const named = (text: string): string => Object.entries(standIns).reduce((words, [theirs, ours]) => words.replaceAll(theirs, ours), text)
  const isOf = (aspect: (typeof ASPECTS)[number], text: string): boolean =>
    /^(?:nat|filter|raw|mangle) /.test(text) ? aspect === 'chains' : text.includes(' ') ? aspect === 'routes' : aspect === 'devices'
  return Object.fromEntries(
    ASPECTS.map((aspect) => [
      aspect,
      [
        ...(real[aspect] ?? []).filter((text) => !missing.includes(text)).map(named),
        ...own.filter((text) => isOf(aspect, text)),
      ].toSorted(),
    ]),
  ) as unknown as Seen
}
