/**
 * core/v1 ServiceSpec, checked as the Kubernetes API server does (pkg/apis/core/validation) as far as
 * the object alone decides: what is free, or which families the cluster has, is checked in lab/.
 */
import * as z from 'zod'
import { parseIp } from '../address.ts'
import { domainName, ip, label, labelKey, labelMap, lenientCidr, once, portNumber, portOrName, protocol } from '../schema/scalars.ts'
import { unset } from '../schema/absent.ts'
import { orList, quote } from '../schema/format.ts'
import { customIssue, textRule, type Verdict } from '../schema/messages.ts'

/** kube-apiserver's default --service-node-port-range. */
const NODE_PORTS = { min: 30_000, max: 32_767 }
const nodePort = once(() => z.int().min(NODE_PORTS.min).max(NODE_PORTS.max))

const clusterIP = once(() =>
  textRule({
    title: 'IP address or None',
    description: "Service address: an IP address, `None` for a headless service, or empty for one of the network's choice.",
    expected: 'an IP address, or None',
    check: (text) => {
      if (text === '' || text === 'None' || parseIp(text)) return undefined
      const hint = text.toLowerCase() === 'none' ? 'did you mean `None`?' : 'write an IP address, or None for a headless service'
      return { code: 'invalid-address', message: `${quote(text)} is not an IP address`, hint }
    },
  }),
)

const port = once(() =>
  z
    .strictObject({
      name: unset(label.optional().describe('Name of the port; needed if there are several.'), ''),
      protocol: unset(protocol.default('TCP').describe('TCP, UDP or SCTP.'), ''),
      port: portNumber.describe("Port of the service's address."),
      targetPort: unset(
        portOrName.optional().describe('Port of the pods: a number, or the name a container gave it. Default: `port`.'),
        '',
        0,
      ),
      nodePort: unset(nodePort().optional().describe('Port on every host (types NodePort and LoadBalancer). Default: a free one.'), 0),
      appProtocol: labelKey.optional().describe('Application protocol; a note for people.'),
    })
    .meta({ id: 'ServicePort', description: 'One port of a service.' }),
)

const family = once(() => z.enum(['IPv4', 'IPv6']))
const scope = once(() => z.enum(['Cluster', 'Local']))

export const serviceSpec = once(() =>
  z
    .strictObject({
      type: unset(
        z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']).default('ClusterIP').describe('How the service is reached.'),
        '',
      ),
      selector: labelMap.optional().describe('Pods behind the service. Without it: none.'),
      ports: z.array(port()).default([]).describe('Ports of the service.'),
      clusterIP: unset(clusterIP().optional(), ''),
      clusterIPs: z.array(clusterIP()).max(2).optional().describe('Service addresses, one per family; the first is `clusterIP`.'),
      ipFamilies: z.array(family()).max(2).optional().describe("Families of the service's addresses."),
      ipFamilyPolicy: z
        .enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])
        .optional()
        .describe('Whether the service has an address of each family. Default: SingleStack.'),
      externalIPs: z.array(ip).optional().describe("More addresses at which the hosts accept the service's traffic."),
      externalName: unset(domainName.optional().describe('Name the service stands for (type ExternalName).'), ''),
      sessionAffinity: unset(z.enum(['None', 'ClientIP']).default('None').describe('Whether a client keeps its pod.'), ''),
      sessionAffinityConfig: z
        .strictObject({
          clientIP: z
            .strictObject({ timeoutSeconds: z.int().min(1).max(86_400).default(10_800).describe('How long a client is remembered.') })
            .optional()
            .describe('Options of ClientIP affinity.'),
        })
        .optional()
        .describe('Options of `sessionAffinity`.'),
      internalTrafficPolicy: scope().default('Cluster').describe('Local: clients in the cluster reach only pods of their own host.'),
      externalTrafficPolicy: unset(
        scope()
          .optional()
          .describe('Local: clients outside reach only pods of the host they come to, with their own address. Default: Cluster.'),
        '',
      ),
      publishNotReadyAddresses: z.boolean().default(false).describe('Count pods that are not ready.'),
      healthCheckNodePort: unset(
        nodePort().optional().describe('Port of the health check (type LoadBalancer with externalTrafficPolicy Local).'),
        0,
      ),
      trafficDistribution: z.enum(['PreferClose', 'PreferSameZone', 'PreferSameNode']).optional().describe('Which pods are preferred.'),
      allocateLoadBalancerNodePorts: z.boolean().optional().describe('Type LoadBalancer: whether it also gets node ports. Default: true.'),
      loadBalancerClass: labelKey.optional().describe('Type LoadBalancer: which implementation.'),
      loadBalancerIP: unset(ip.optional().describe('Type LoadBalancer: the address to ask for.'), ''),
      loadBalancerSourceRanges: z.array(lenientCidr).optional().describe('Type LoadBalancer: clients that are let in.'),
    })
    .superRefine((spec, context) => {
      const rules = [byType, portsOf, families]
      for (const { path, ...verdict } of rules.flatMap((rule) => rule(spec))) context.addIssue(customIssue(verdict, [...path]))
    })
    .meta({ id: 'ServiceSpec', description: 'Kubernetes ServiceSpec (core/v1).' }),
)

/** @public */
export type ServicePort = z.infer<ReturnType<typeof port>>
/** @public */
export interface ServiceSpec extends z.infer<ReturnType<typeof serviceSpec>> {}

interface Misfit extends Verdict {
  readonly path: readonly (string | number)[]
}

/** What only some types, or some combinations, may have. */
function byType(spec: ServiceSpec): Misfit[] {
  const { type, clusterIP, externalIPs = [] } = spec
  const found: Misfit[] = []
  const only = (key: keyof ServiceSpec, isAllowed: boolean, where: string) => {
    const value = spec[key]
    if (value === undefined || (Array.isArray(value) && value.length === 0) || isAllowed) return
    const hint = `remove it, or make it so; the type is ${type}`
    found.push({ path: [key], code: 'conflicting-keys', message: `this is only for ${where}`, hint })
  }
  const isBalancer = type === 'LoadBalancer'
  const isOpen = isBalancer || type === 'NodePort' || externalIPs.length > 0
  only('externalTrafficPolicy', isOpen, 'services that are reached from outside (NodePort, LoadBalancer, externalIPs)')
  only('healthCheckNodePort', isBalancer && spec.externalTrafficPolicy === 'Local', 'LoadBalancer with externalTrafficPolicy Local')
  only('sessionAffinityConfig', spec.sessionAffinity === 'ClientIP', 'sessionAffinity ClientIP')
  only('clusterIP', type !== 'ExternalName', 'services with an address, not for ExternalName')
  only('clusterIPs', type !== 'ExternalName', 'services with an address, not for ExternalName')
  for (const key of ['loadBalancerSourceRanges', 'loadBalancerClass', 'allocateLoadBalancerNodePorts'] as const)
    only(key, isBalancer, 'LoadBalancer')
  if (clusterIP === 'None' && (isBalancer || type === 'NodePort')) {
    const hint = 'remove `clusterIP`, or the type'
    found.push({ path: ['clusterIP'], code: 'conflicting-keys', message: `${type} needs an address: None is for headless services`, hint })
  }
  if (type === 'ExternalName' && spec.externalName === undefined) {
    found.push({
      path: ['externalName'],
      code: 'missing-key',
      message: '`externalName` is missing',
      hint: 'add `externalName:` with a DNS name',
    })
  }
  if (spec.ports.length === 0 && type !== 'ExternalName' && clusterIP !== 'None') {
    const hint = 'add `ports: [{ port: 80 }]`; only headless services (`clusterIP: None`) have none'
    found.push({ path: ['ports'], code: 'missing-key', message: 'a service needs at least one port', hint })
  }
  return found
}

/** Ports must differ, and several of them need names. */
function portsOf({ type, ports }: ServiceSpec): Misfit[] {
  const found: Misfit[] = []
  const taken = new Map<string, number>()
  const once = (key: string, path: Misfit['path'], code: string, message: string, hint: string) => {
    if (taken.has(key)) found.push({ path, code, message: `${message} ports[${taken.get(key)}]`, hint })
    else taken.set(key, path[1] as number)
  }
  for (const [i, { name, port, protocol, nodePort }] of ports.entries()) {
    if (name !== undefined)
      once(`name ${name}`, ['ports', i, 'name'], 'duplicate-name', `${quote(name)} is also the name of`, 'names of ports are unique')
    else if (ports.length > 1) {
      const hint = 'with several ports each needs a name: add `name:`'
      found.push({ path: ['ports', i, 'name'], code: 'missing-key', message: '`name` is missing', hint })
    }
    once(
      `port ${port}/${protocol}`,
      ['ports', i, 'port'],
      'duplicate-port',
      `${port}/${protocol} is also the port of`,
      'each port and protocol once',
    )
    if (nodePort === undefined) continue
    once(
      `node ${nodePort}/${protocol}`,
      ['ports', i, 'nodePort'],
      'duplicate-port',
      `${nodePort}/${protocol} is also the node port of`,
      'each once',
    )
    if (type === 'ClusterIP') {
      const hint = 'set `type: NodePort`, or remove `nodePort`'
      found.push({ path: ['ports', i, 'nodePort'], code: 'conflicting-keys', message: 'a ClusterIP service has no node ports', hint })
    }
  }
  return found
}

/** One address per family; lists and policy must agree. */
function families({ clusterIP, clusterIPs, ipFamilies = [], ipFamilyPolicy }: ServiceSpec): Misfit[] {
  const found: Misfit[] = []
  const addresses = clusterIPs ?? (clusterIP ? [clusterIP] : [])
  const kinds = addresses.map((text) => parseIp(text)?.family).map((f) => f && `IPv${f}`)
  if (clusterIPs && clusterIPs.length > 0 && (clusterIP ?? '') !== clusterIPs[0]) {
    const hint = `set \`clusterIP: ${clusterIPs[0]}\``
    found.push({ path: ['clusterIPs', 0], code: 'conflicting-keys', message: 'the first address must be that of `clusterIP`', hint })
  }
  if (addresses.length > 1 && (addresses.includes('None') || kinds[0] === kinds[1])) {
    const hint = 'one IPv4 and one IPv6 address; None stands alone'
    found.push({ path: ['clusterIPs', 1], code: 'same-family', message: 'two addresses need two families', hint })
  }
  if (ipFamilies.length > 1 && ipFamilies[0] === ipFamilies[1]) {
    found.push({ path: ['ipFamilies', 1], code: 'same-family', message: `${ipFamilies[1]} is given twice`, hint: 'name each family once' })
  }
  for (const [i, kind] of kinds.entries()) {
    if (!kind || !ipFamilies[i] || kind === ipFamilies[i]) continue
    const hint = `expected an ${ipFamilies[i]} address, by \`ipFamilies\``
    found.push({
      path: clusterIPs ? ['clusterIPs', i] : ['clusterIP'],
      code: 'conflicting-keys',
      message: `this is an ${kind} address`,
      hint,
    })
  }
  if (ipFamilyPolicy === 'SingleStack' && (ipFamilies.length > 1 || addresses.length > 1)) {
    const hint = `use ${orList(['PreferDualStack', 'RequireDualStack'])}, or name one family`
    found.push({ path: ['ipFamilyPolicy'], code: 'conflicting-keys', message: 'SingleStack allows one family', hint })
  }
  return found
}
