/**
 * Services as kube-proxy's iptables mode makes them, chain by chain
 * (https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-iptables).
 *
 * A cluster address belongs to no device. The first packet of a connection to it meets `nat PREROUTING` (from pods
 * and from outside) or `nat OUTPUT` (from the host itself), finds the Service there and then one of its pods, and
 * leaves with the pod's address as its destination. Conntrack does the same to the rest of the connection and the
 * opposite to the replies. So the client's host decides: the underlay never sees a cluster address.
 *
 *   KUBE-SERVICES → KUBE-SVC-… (one port of a Service) → KUBE-SEP-… (one pod): DNAT
 *
 * Sources survive, except where the reply would not come back this way: KUBE-MARK-MASQ marks those packets and
 * KUBE-POSTROUTING gives them an address of this host.
 *
 * Left out: KUBE-FORWARD (its ACCEPT rules are for hosts whose FORWARD policy is DROP, and would let packets past
 * NetworkPolicies), health check ports and load balancers. Added: what is for the range of cluster addresses but for
 * no Service is refused at its first host; kube-proxy's iptables mode would let it leave by the default route.
 */
import type { Chain, KernelObject } from '../../kernel/objects.ts'
import { addressOf, gatewayOf, type Host, type Lab } from '../../lab/lab.ts'
import type { Family } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'
import { PortPlan, type Refusal } from './port.ts'
import { ruleCounter } from '../../netns/iptables-save.ts'
import { comment, JUMP_NEW, mark, reject } from './rules.ts'
import type { ServiceModule, ServiceProxy } from '../service.ts'
import type { OptionTypes } from '../../topology/schema/schema.ts'

const options = (z: OptionTypes) => z.object({})

/** Services that have a cluster address, and so rules: not headless ones, which are names only. */
const hasRules = (lab: Lab): boolean => lab.services.some((s) => s.clusterIPs.length > 0)

/** Families in which some Service has an address. */
const familiesOf = (lab: Lab): Family[] => lab.families.filter((f) => lab.services.some((s) => s.clusterIPs.some((a) => a.family === f)))

const podCIDROf = (lab: Lab, family: Family): string => lab.podCIDRs.find((c) => c.includes(':') === (family === 6))!

const PORTALS = comment('kubernetes service portals')
const OUTSIDE = comment('kubernetes externally-visible service portals')

function iptables(): ServiceProxy {
  return {
    needs: (lab) => familiesOf(lab).map((f) => (f === 4 ? 'services' : 'services6')),
    plan(lab) {
      if (!hasRules(lab)) return () => []
      const families = familiesOf(lab).map((family) => familyPlan(lab, family))
      return (host) => families.flatMap((objects) => objects(host))
    },
    refusal(lab, { service, port, host, ...frontend }) {
      if (!host) return undefined
      const family = frontend.address.includes(':') ? 6 : 4
      const refusal = new PortPlan(service, port, family, podCIDROf(lab, family)).refusalOn(host.name, frontend)
      return refusal && ruleCounter(host.netns, family, refusal.chain, refusal.rule)
    },
    explain(rule) {
      const [, port, local] = /comment "(\S+) has no (local )?endpoints"/.exec(rule) ?? []
      return port === undefined ? undefined : { port, isLocal: local !== undefined }
    },
  }
}

function familyPlan(lab: Lab, family: Family): (host: Host) => KernelObject[] {
  const podCIDR = podCIDROf(lab, family)
  const serviceCIDR = lab.serviceCIDRs.find((c) => c.includes(':') === (family === 6))!
  const services = lab.services.filter((s) => s.clusterIPs.some((a) => a.family === family))
  const plans = services.flatMap((s) => s.ports.map((p) => new PortPlan(s, p, family, podCIDR)))
  const toNodePorts = `${comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain')}-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`
  const unassigned = `-d ${serviceCIDR} ${comment('no Service has this address and port')}${reject(family)}`

  return (host) => {
    const chain = (
      table: 'nat' | 'filter',
      name: string,
      rules: readonly string[],
      more: { builtin?: true; note?: string; from?: Source } = {},
    ): Chain => ({
      kind: 'chain',
      ns: host.netns,
      from: host.source,
      family,
      table,
      chain: name,
      builtin: false,
      rules,
      ...more,
    })
    const hook = (table: 'nat' | 'filter', name: string, rules: readonly string[]): Chain => chain(table, name, rules, { builtin: true })
    const rules = plans.map((p) => p.on(host.name))
    const all = (key: 'services' | 'nodePorts'): string[] => rules.flatMap((r) => r[key])
    const refused = (name: Refusal['chain']): string[] => rules.flatMap((r) => r.refusals.flatMap((x) => (x.chain === name ? x.rule : [])))
    return [
      ...wayOut(host, lab, family, serviceCIDR),
      chain('nat', 'KUBE-MARK-MASQ', [mark.set]),
      chain('nat', 'KUBE-POSTROUTING', [
        `${mark.absent}-j RETURN`,
        mark.clear,
        `${comment('kubernetes service traffic requiring SNAT')}-j MASQUERADE --random-fully`,
      ]),
      chain('nat', 'KUBE-NODEPORTS', all('nodePorts')),
      chain('nat', 'KUBE-SERVICES', [...all('services'), toNodePorts], {
        note: 'Services: the first packet of a connection finds its pod here',
      }),
      ...rules.flatMap((r) => r.chains.map((c) => chain('nat', c.chain, c.rules, { from: c.from }))),
      hook('nat', 'PREROUTING', [`${PORTALS}-j KUBE-SERVICES`]),
      hook('nat', 'OUTPUT', [`${PORTALS}-j KUBE-SERVICES`]),
      hook('nat', 'POSTROUTING', [`${comment('kubernetes postrouting rules')}-j KUBE-POSTROUTING`]),
      chain('filter', 'KUBE-SERVICES', [...refused('KUBE-SERVICES'), unassigned], { note: 'what no pod would answer is refused at once' }),
      chain('filter', 'KUBE-EXTERNAL-SERVICES', refused('KUBE-EXTERNAL-SERVICES')),
      hook('filter', 'INPUT', [`${JUMP_NEW}${OUTSIDE}-j KUBE-EXTERNAL-SERVICES`]),
      hook('filter', 'FORWARD', [`${JUMP_NEW}${PORTALS}-j KUBE-SERVICES`, `${JUMP_NEW}${OUTSIDE}-j KUBE-EXTERNAL-SERVICES`]),
      hook('filter', 'OUTPUT', [`${JUMP_NEW}${PORTALS}-j KUBE-SERVICES`]),
    ]
  }
}

/**
 * A host that connects to a cluster address looks for a route before `nat OUTPUT` changes the destination. Where
 * there is a router the default route does; nothing is ever sent this way.
 */
function wayOut(host: Host, lab: Lab, family: Family, serviceCIDR: string): KernelObject[] {
  if (gatewayOf(lab, host.segment) || !addressOf(host, family)) return []
  const note = "a host needs some route to cluster addresses before iptables gives it a pod's"
  return [{ kind: 'route', ns: host.netns, from: host.source, note, family, dst: serviceCIDR, dev: 'eth0' }]
}

export const iptablesModule: ServiceModule = {
  summary: "kube-proxy's iptables mode: DNAT on the client's host, one chain a port and one a pod",
  options,
  create: () => iptables(),
}
