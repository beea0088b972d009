/**
 * Services (core/v1) with every address and port decided and every endpoint known, as the API server, the
 * EndpointSlice controller and kube-proxy would between them
 * (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/).
 */
import { familyName, type Family } from '../../topology/address.ts'
import type { LoadedTopology } from '../../topology/loaded.ts'
import type { ServiceSpec } from '../../topology/kubernetes/kubernetes.ts'
import { EndpointFinder } from './endpoints.ts'
import type { Host, HostPod, Lab } from '../lab.ts'
import { inFileOrder } from '../expand.ts'
import type { Leases } from '../addressing/lease.ts'
import type { Networks } from '../addressing/networks.ts'
import type { Problems } from '../problems.ts'
import type { Answering, Service, ServicePort } from './service.ts'
import { warnOfService } from './unmatched.ts'
import { ClusterIPs, NodePorts, type Wanted } from './service-addresses.ts'

/** `shop/cart` → namespace and name; a key without a slash is of the namespace default. */
function splitKey(key: string): [namespace: string, name: string] {
  const at = key.indexOf('/')
  return at < 0 ? ['default', key] : [key.slice(0, at), key.slice(at + 1)]
}

/** `shop/cart:web`: what kube-proxy calls a port of a Service. */
export const portName = (service: Pick<Service, 'name' | 'namespace'>, port: Pick<ServicePort, 'name'>): string =>
  `${service.namespace}/${service.name}${port.name === undefined ? '' : `:${port.name}`}`

/** The Service a word means: `cart`, `shop/cart`, `svc/shop/cart`. */
export function serviceOf(lab: Lab, word: string): Service | undefined {
  const [namespace, name] = splitKey(word.replace(/^svc\//, ''))
  return lab.services.find((s) => s.name === name && s.namespace === namespace)
}

/** What a client connects to: the cluster address and the ports, in one family. */
export function serviceAddress(
  lab: Lab,
  word: string,
  family: Family,
): { readonly address: string; readonly ports: readonly ServicePort[] } | undefined {
  const service = serviceOf(lab, word)
  const address = service?.clusterIPs.find((a) => a.family === family)?.ip
  return service && address !== undefined ? { address, ports: service.ports } : undefined
}

/** Every Service in file order. Pinned addresses first, then what a running lab gave, then the lowest free ones. */
export function resolveServices(
  loaded: LoadedTopology,
  networks: Networks,
  hosts: readonly Host[],
  pods: readonly HostPod[],
  leases: Leases,
  problems: Problems,
): Service[] {
  const entries = inFileOrder(loaded, 'services', loaded.topology.services).map(([key, spec]) => ({
    key,
    spec,
    families: familiesOf(key, spec, networks, problems),
  }))
  const addresses = new ClusterIPs(networks, problems)
  const ports = new NodePorts(problems)
  const wanted: Wanted[] = entries.filter((e) => hasAddress(e.spec))
  for (const w of wanted) {
    addresses.pin(w)
    ports.pin(w)
  }
  for (const { key } of wanted) {
    const lease = leases.services?.get(key)
    if (!lease) continue
    addresses.keep(key, lease.ips)
    ports.keep(key, lease.nodePorts)
  }
  const asked = askedHostPorts(pods)
  ports.avoid(asked.map((a) => a.hostPort))
  const finder = new EndpointFinder(loaded, hosts, pods, problems)
  const names = new Map<string, string>()
  return entries.map(({ key, spec, families }): Service => {
    const [namespace, name] = splitKey(key)
    const before = names.get(`${namespace}/${name}`)
    if (before !== undefined)
      problems.error(
        ['services', key],
        'name-taken',
        `service ${key} exists twice: it is also "${before}"`,
        'A key without a namespace is of the namespace default.',
      )
    names.set(`${namespace}/${name}`, key)
    checkExternalIPs(key, spec, networks, problems)
    warnOfService({ key, namespace, spec }, pods, problems)
    const nodePorts = hasAddress(spec) ? ports.take({ key, spec }) : []
    checkNodePorts(loaded, key, spec, nodePorts, asked, problems)
    return {
      name,
      namespace,
      key,
      type: spec.type,
      clusterIPs: hasAddress(spec) ? addresses.take({ key, spec, families }) : [],
      headless: isHeadless(spec),
      externalIPs: spec.type === 'ExternalName' || isHeadless(spec) ? [] : (spec.externalIPs ?? []),
      ports: spec.ports.map((p, i) => ({
        ...(p.name === undefined ? {} : { name: p.name }),
        protocol: p.protocol,
        port: p.port,
        targetPort: p.targetPort ?? p.port,
        ...(nodePorts[i] === undefined ? {} : { nodePort: nodePorts[i] }),
        ...answering(spec, finder.of({ namespace, name, spec, families }, i)),
      })),
      ...(spec.sessionAffinity === 'ClientIP' ? { affinity: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 } : {}),
      internalTrafficPolicy: spec.internalTrafficPolicy,
      externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
      source: loaded.source(['services', key]),
    }
  })
}

/** A port of its host that a container asks for. */
interface AskedHostPort {
  readonly hostPort: number
  readonly protocol: string
  readonly pod: HostPod
}

const askedHostPorts = (pods: readonly HostPod[]): AskedHostPort[] =>
  pods.flatMap((pod) =>
    pod.containers.flatMap((c) =>
      c.ports.flatMap(({ hostPort, protocol }) => (hostPort === undefined ? [] : [{ hostPort, protocol, pod }])),
    ),
  )

/** Every host has every node port: none of a pod's would get a packet there. */
function checkNodePorts(
  loaded: LoadedTopology,
  key: string,
  spec: ServiceSpec,
  nodePorts: readonly (number | undefined)[],
  asked: readonly AskedHostPort[],
  problems: Problems,
): void {
  for (const [i, port] of spec.ports.entries()) {
    const taken = asked.find((a) => a.hostPort === nodePorts[i] && a.protocol === port.protocol)
    if (!taken) continue
    const { pod } = taken
    const place = `${pod.source.file ?? loaded.file}:${pod.source.line}`
    problems.error(
      ['services', key, 'ports', i, 'nodePort'],
      'port-taken',
      `service ${key}: node port ${nodePorts[i]}/${port.protocol} is also the host port of pod ${pod.key} on ${pod.host} (${place})`,
      'Every host has every node port: give one of them another number.',
    )
  }
}

/** An ExternalName is a DNS alias: no endpoint answers for it. */
function answering({ type }: ServiceSpec, { endpoints, draining }: Answering): Pick<ServicePort, 'endpoints' | 'draining'> {
  if (type === 'ExternalName') return { endpoints: [] }
  return { endpoints, ...(draining.length > 0 ? { draining } : {}) }
}

const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None'
const hasAddress = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName' && !isHeadless(spec)
const nameOf = (family: Family): 'IPv4' | 'IPv6' => (family === 4 ? 'IPv4' : 'IPv6')

/**
 * The families of a Service, the first one first (https://kubernetes.io/docs/concepts/services-networking/dual-stack/):
 * those it names, else those of its addresses; then the cluster's other one if the policy wants both.
 */
function familiesOf(key: string, spec: ServiceSpec, networks: Networks, problems: Problems): Family[] {
  const cluster = networks.services.map((c) => c.family).filter((f) => networks.families.includes(f))
  const texts = (spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])).filter((t) => t !== '' && t !== 'None')
  const ofAddresses = texts.map((t): Family => (t.includes(':') ? 6 : 4))
  const named = (spec.ipFamilies ?? []).map((f): Family => (f === 'IPv4' ? 4 : 6))
  const asked = [...new Set([...named, ...ofAddresses])]
  if (spec.type === 'ExternalName') return []
  const strange = asked.find((f) => !cluster.includes(f))
  if (strange !== undefined) {
    const path = named.includes(strange)
      ? ['ipFamilies', named.indexOf(strange)]
      : spec.clusterIPs
        ? ['clusterIPs', ofAddresses.indexOf(strange)]
        : ['clusterIP']
    const hint = `Pods and Services of this lab have ${cluster.map(familyName).join(' and ') || 'no family in common'}.`
    problems.error(
      ['services', key, ...path],
      'family-unavailable',
      `service ${key}: ${familyName(strange)} is not configured in this cluster`,
      hint,
    )
    return asked.filter((f) => cluster.includes(f))
  }
  const isUnrelatedDrop = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0
  const wantsBoth =
    spec.ipFamilyPolicy === 'PreferDualStack' ||
    spec.ipFamilyPolicy === 'RequireDualStack' ||
    (spec.ipFamilyPolicy === undefined && isUnrelatedDrop && named.length === 0)
  if (spec.ipFamilyPolicy === 'RequireDualStack' && cluster.length < 2) {
    problems.error(
      ['services', key, 'ipFamilyPolicy'],
      'family-unavailable',
      `service ${key}: RequireDualStack needs a cluster with both families`,
      `This one has ${cluster.map(nameOf).join(' and ')}: give \`podCIDR\` and \`serviceCIDR\` one network of each.`,
    )
  }
  if (cluster.length === 0) {
    problems.error(
      ['services', key],
      'family-unavailable',
      `service ${key}: no family that both pods and Services have`,
      'Give `serviceCIDR` a network of the family of `podCIDR`.',
    )
  }
  const first = asked.length > 0 ? asked : cluster.slice(0, 1)
  return wantsBoth ? [...first, ...cluster.filter((f) => !first.includes(f))] : first
}

/** kube-proxy takes any address, but one that a pod or another part of the lab has would be taken away from it. */
function checkExternalIPs(key: string, spec: ServiceSpec, networks: Networks, problems: Problems): void {
  for (const [i, text] of (spec.externalIPs ?? []).entries()) {
    if (!networks.families.includes(text.includes(':') ? 6 : 4)) {
      problems.warning(
        ['services', key, 'externalIPs', i],
        'family-unavailable',
        `service ${key}: no pod has an address of the family of ${text}: it will have no endpoints`,
      )
    }
    if (/^(127\.|169\.254\.|0\.|22[4-9]\.|23\d\.|::1$|fe80:|ff)/.test(text)) {
      problems.error(
        ['services', key, 'externalIPs', i],
        'address-reserved',
        `service ${key}: ${text} cannot be an external address`,
        'Loopback, link-local, multicast and unspecified addresses belong to no particular node.',
      )
    }
  }
}
