/**
 * One port of one Service in one family, on one host: kube-proxy's syncProxyRules for it
 * (pkg/proxy/iptables/proxier.go), rule by rule and in its order.
 *
 *   KUBE-SERVICES ── cluster IP ─────────────→ KUBE-SVC (KUBE-SVL if internalTrafficPolicy is Local)
 *        ├────────── external IP ────────────→ KUBE-EXT → KUBE-SVC (KUBE-SVL if externalTrafficPolicy is Local)
 *        └── KUBE-NODEPORTS ── node port ────→ KUBE-EXT
 *   KUBE-SVC, KUBE-SVL ── a pod, by chance ──→ KUBE-SEP → DNAT
 */
import { localEndpoints } from '../../lab/services/endpoints.ts'
import type { Endpoint } from '../../lab/services/service.ts'
import type { Service, ServicePort } from '../../lab/services/service.ts'
import type { Family } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'
import type { ServiceFrontend } from '../../lab/services/semantics.ts'
import { portName } from '../../lab/services/services.ts'
import { endpointHash, portHash } from './names.ts'
import { comment, reject, remember, remembered, share, single, transport } from './rules.ts'

/** A chain of the nat table; `from` is the Service behind it. */
export interface NatChain {
  readonly chain: string
  readonly rules: readonly string[]
  readonly from: Source
}

/** What one port adds to a host. */
export interface PortRules {
  /** To `nat KUBE-SERVICES`. */
  readonly services: readonly string[]
  /** To `nat KUBE-NODEPORTS`. */
  readonly nodePorts: readonly string[]
  readonly refusals: readonly Refusal[]
  readonly chains: readonly NatChain[]
}

/** A rule of the filter table that refuses or drops what has no endpoint here. */
export interface Refusal {
  readonly chain: 'KUBE-SERVICES' | 'KUBE-EXTERNAL-SERVICES'
  /** Which of the port's frontends it is about; of external addresses each has a rule. */
  readonly kind: ServiceFrontend['kind']
  readonly rule: string
}

interface Place {
  readonly endpoint: Endpoint
  /** `10.244.0.2:8080`. */
  readonly text: string
  readonly chain: string
}

/** Rules of one port, prepared once: only what depends on where pods run differs from host to host. */
export class PortPlan {
  readonly #service: Service
  readonly #port: ServicePort
  readonly #family: Family
  readonly #podCIDR: string
  readonly #name: string
  readonly #hash: string
  readonly #protocol: string
  readonly #places: readonly Place[]
  readonly #clusterIP: string
  readonly #externalIPs: readonly string[]
  /** Chains that are the same on every host. */
  readonly #endpointChains: ReadonlyMap<string, NatChain>
  readonly #everywhere: readonly string[]
  /** Most ports: they look the same on every host. */
  readonly #shared: PortRules | undefined

  constructor(service: Service, port: ServicePort, family: Family, podCIDR: string) {
    this.#service = service
    this.#port = port
    this.#family = family
    this.#podCIDR = podCIDR
    this.#name = portName(service, port)
    this.#protocol = port.protocol.toLowerCase()
    this.#hash = portHash(this.#name, port.protocol)
    this.#clusterIP = single(family, service.clusterIPs.find((a) => a.family === family)!.ip)
    this.#externalIPs = service.externalIPs.filter((ip) => ip.includes(':') === (family === 6)).map((ip) => single(family, ip))
    this.#places = this.#placesOf(port.endpoints)
    this.#endpointChains = new Map([...this.#places, ...this.#placesOf(port.draining ?? [])].map((p) => [p.chain, this.#endpointChain(p)]))
    this.#everywhere = this.#choice(this.#places)
    this.#shared = this.#isLocalInside || this.#isLocalOutside ? undefined : this.#rules([])
  }

  on(host: string): PortRules {
    return this.#shared ?? this.#rules(this.#placesOf(localEndpoints(this.#port, host, this.#family)))
  }

  #placesOf(endpoints: readonly Endpoint[]): Place[] {
    return endpoints
      .filter((e) => e.family === this.#family)
      .map((endpoint) => {
        const text = this.#family === 4 ? `${endpoint.ip}:${endpoint.port}` : `[${endpoint.ip}]:${endpoint.port}`
        return { endpoint, text, chain: `KUBE-SEP-${endpointHash(this.#name, this.#port.protocol, text)}` }
      })
  }

  get #isLocalInside(): boolean {
    return this.#service.internalTrafficPolicy === 'Local'
  }

  get #isOutside(): boolean {
    return this.#port.nodePort !== undefined || this.#externalIPs.length > 0
  }

  get #isLocalOutside(): boolean {
    return this.#isOutside && this.#service.externalTrafficPolicy === 'Local'
  }

  #chain(prefix: 'SVC' | 'SVL' | 'EXT', rules: readonly string[]): NatChain {
    return { chain: `KUBE-${prefix}-${this.#hash}`, rules, from: this.#service.source }
  }

  /** @param local the endpoints on this host; only looked at where a policy asks for them */
  #rules(local: readonly Place[]): PortRules {
    const name = this.#name
    const has = {
      any: this.#places.length > 0,
      inside: (this.#isLocalInside ? local : this.#places).length > 0,
      outside: (this.#isLocalOutside ? local : this.#places).length > 0,
    }
    const [svc, svl, ext] = [`KUBE-SVC-${this.#hash}`, `KUBE-SVL-${this.#hash}`, `KUBE-EXT-${this.#hash}`]
    const inside = this.#isLocalInside ? svl : svc
    const clusterIP = this.#at(`-d ${this.#clusterIP} `, `${name} cluster IP`, this.#port.port)
    const { nodePort } = this.#port

    const chains: NatChain[] = []
    const toClients = (chain: string): string[] =>
      has.inside && chain === inside ? [`! -s ${this.#podCIDR} ${clusterIP}-j KUBE-MARK-MASQ`] : []
    // A client of an external address or a node port may be this host or a pod, and those reach every endpoint.
    const usesCluster = has.any && (!this.#isLocalInside || this.#isOutside)
    const usesLocal = local.length > 0 && (this.#isLocalInside || this.#isLocalOutside)
    if (usesCluster) chains.push(this.#chain('SVC', [...toClients(svc), ...this.#everywhere]))
    if (usesLocal) chains.push(this.#chain('SVL', [...toClients(svl), ...this.#choice(local)]))
    if (has.any && this.#isOutside) chains.push(this.#chain('EXT', this.#outside(svc, this.#isLocalOutside ? svl : svc, has.outside)))
    const used = new Set([...(usesCluster ? this.#places : []), ...(usesLocal ? local : [])].map((p) => p.chain))
    for (const name of used) chains.push(this.#endpointChains.get(name)!)

    return {
      services: [
        ...(has.inside ? [`${clusterIP}-j ${inside}`] : []),
        ...(has.any ? this.#externalIPs.map((ip) => `${this.#at(`-d ${ip} `, `${name} external IP`, this.#port.port)}-j ${ext}`) : []),
      ],
      nodePorts: has.any && nodePort !== undefined ? [`${this.#at('', name, nodePort)}-j ${ext}`] : [],
      refusals: this.#refusals(has),
      chains,
    }
  }

  /** A match of what is sent to a port of some destination. */
  #at(destination: string, text: string, port: number): string {
    return `${destination}${transport(this.#protocol, comment(text))}--dport ${port} `
  }

  #refusals(has: { readonly any: boolean; readonly inside: boolean; readonly outside: boolean }): Refusal[] {
    const text = `${this.#name} has no ${has.any ? 'local endpoints' : 'endpoints'}`
    const target = has.any ? '-j DROP' : reject(this.#family)
    const { port, nodePort } = this.#port
    const to = (ip: string): string => `${this.#at(`-d ${ip} `, text, port)}${target}`
    const toNode = `-p ${this.#protocol} ${comment(text)}-m addrtype --dst-type LOCAL -m ${this.#protocol} --dport ${nodePort} ${target}`
    const outside = { chain: 'KUBE-EXTERNAL-SERVICES' } as const
    return [
      ...(has.inside ? [] : [{ chain: 'KUBE-SERVICES', kind: 'cluster', rule: to(this.#clusterIP) } as const]),
      ...(has.outside ? [] : this.#externalIPs.map((ip) => ({ ...outside, kind: 'external', rule: to(ip) }) as const)),
      ...(has.outside || nodePort === undefined ? [] : [{ ...outside, kind: 'node', rule: toNode } as const]),
    ]
  }

  /** The rule of a host that refuses or drops what is sent to a frontend of this port; undefined: there is an endpoint. */
  refusalOn(host: string, { kind, address }: Pick<ServiceFrontend, 'kind' | 'address'>): Refusal | undefined {
    const isAbout = (r: Refusal): boolean =>
      r.kind === kind && (kind === 'node' || r.rule.startsWith(`-d ${single(this.#family, address)} `))
    return this.on(host).refusals.find(isAbout)
  }

  /**
   * What is sent to a node port or an external address. With policy Cluster any pod may serve it, so replies must come back through here: SNAT.
   * With Local the client's address survives; the cluster's own pods and this host count as inside and reach every pod.
   */
  #outside(svc: string, target: string, hasEndpoints: boolean): string[] {
    const name = this.#name
    const local = '-m addrtype --src-type LOCAL '
    const rules = this.#isLocalOutside
      ? [
          `-s ${this.#podCIDR} ${comment(`pod traffic for ${name} external destinations`)}-j ${svc}`,
          `${comment(`masquerade LOCAL traffic for ${name} external destinations`)}${local}-j KUBE-MARK-MASQ`,
          `${comment(`route LOCAL traffic for ${name} external destinations`)}${local}-j ${svc}`,
        ]
      : [`${comment(`masquerade traffic for ${name} external destinations`)}-j KUBE-MARK-MASQ`]
    return [...rules, ...(hasEndpoints ? [`-j ${target}`] : [])]
  }

  /** Picks one of the endpoints: the one the client had, else one by chance. */
  #choice(places: readonly Place[]): string[] {
    const { affinity } = this.#service
    const why = (p: Place): string => comment(`${this.#name} -> ${p.text}`)
    return [
      ...(affinity === undefined ? [] : places.map((p) => `${why(p)}${remembered(this.#family, p.chain, affinity)}-j ${p.chain}`)),
      ...places.map((p, i) => `${why(p)}${i < places.length - 1 ? share(places.length - i) : ''}-j ${p.chain}`),
    ]
  }

  /** A pod that reaches itself must not see its own address as the client's, or its reply never leaves it: hairpin SNAT. */
  #endpointChain({ endpoint, text, chain }: Place): NatChain {
    const why = comment(this.#name)
    const set = this.#service.affinity === undefined ? '' : remember(this.#family, chain)
    return {
      chain,
      rules: [
        `-s ${single(this.#family, endpoint.ip)} ${why}-j KUBE-MARK-MASQ`,
        `-p ${this.#protocol} ${why}${set}-m ${this.#protocol} -j DNAT --to-destination ${text}`,
      ],
      from: this.#service.source,
    }
  }
}
