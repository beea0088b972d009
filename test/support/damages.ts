/**
 * What may go wrong in what a module made, by what comes of it: shell scripts for a host's namespace. A module of Services
 * or policies declares its own here; suites of promises ask for one by its effect and know no chain of any module.
 */
export interface Damage {
  readonly breaks: string
  readonly mends: string
}

/** @param port the Service's port as the module names it: `default/dns` */
interface ServiceDamages {
  /** One endpoint is another one: `10.244.1.2:5353`. */
  misleads(port: string, protocol: 'tcp' | 'udp', endpoint: string): Damage
  /** Every client gets the first endpoint. */
  alwaysChoosesFirst(port: string): Damage
  /** An address of a Service is not known. */
  forgets(address: string, port: number): Damage
  /** Clients that the host must hide from this port of their endpoint keep their address. */
  showsClients(port: number): Damage
  /** What has no local endpoint is let go on, at node ports and external addresses. */
  dropsNothing: Damage
}

interface PolicyDamages {
  /** Nothing is denied on this port any more. */
  allows(port: number): Damage
  /** Rules no longer know a pod as a peer. */
  forgetsPeer(address: string): Damage
}

const inserted = (rule: string, table = 'filter'): Damage => ({
  breaks: `iptables -t ${table} -I ${rule}`,
  mends: `iptables -t ${table} -D ${rule}`,
})

/** Chains of the nat table whose rules match, one after the other as `$chain`. */
const eachChain = (prefix: string, pattern: string, script: string): string =>
  `for chain in $(iptables-save -t nat | sed -n 's/^-A \\(${prefix}-[A-Z0-9]*\\) .*${pattern.replaceAll('/', '\\/')}.*/\\1/p' | sort -u); do ${script}; done`

/** By the name of the module. */
export const serviceDamages: Readonly<Record<string, ServiceDamages>> = {
  iptables: {
    misleads: (port, protocol, endpoint) => ({
      breaks: eachChain('KUBE-SEP', `${port}"`, `iptables -t nat -I $chain 1 -p ${protocol} -j DNAT --to-destination ${endpoint}`),
      mends: eachChain('KUBE-SEP', `${port}"`, 'iptables -t nat -D $chain 1'),
    }),
    alwaysChoosesFirst(port) {
      const first = `$(iptables-save -t nat | sed -n "s/^-A $chain .*-j \\(KUBE-SEP-[A-Z0-9]*\\)$/\\1/p" | head -1)`
      return {
        breaks: eachChain('KUBE-SVC', `${port} -> `, `iptables -t nat -I $chain 1 -j ${first}`),
        mends: eachChain('KUBE-SVC', `${port} -> `, 'iptables -t nat -D $chain 1'),
      }
    },
    forgets: (address, port) => inserted(`KUBE-SERVICES -d ${address} -p tcp --dport ${port} -j RETURN`, 'nat'),
    showsClients: (port) => inserted(`KUBE-POSTROUTING -p tcp --dport ${port} -j RETURN`, 'nat'),
    dropsNothing: inserted('KUBE-EXTERNAL-SERVICES -j RETURN'),
  },
}

/** By the name of the module. */
export const policyDamages: Readonly<Record<string, PolicyDamages>> = {
  iptables: {
    allows: (port) => inserted(`NETLAB-INGRESS -p tcp --dport ${port} -j RETURN`),
    forgetsPeer(address) {
      const set = "$(ipset list -n | grep '^np4-p-')"
      return { breaks: `ipset del ${set} ${address}`, mends: `ipset add ${set} ${address}` }
    },
  },
}

/** What leaves the cluster keeps its address. */
export const masqueradesNothing: Damage = inserted('NETLAB-MASQ -j RETURN', 'nat')
