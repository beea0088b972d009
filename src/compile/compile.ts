/** Lab → kernel objects: everything the lab needs, as one list that all commands read. */
import { attachOf } from '../attach/index.ts'
import type { Refusal } from '../backends/backend.ts'
import { backendOf, podMTU } from '../backends/index.ts'
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { containerOwners, hasIpv6, type Host, type Lab, type Pod } from '../lab/lab.ts'
import { policyModuleOf } from '../policy/index.ts'
import { servicesOf } from '../services/index.ts'
import { borderNeeds, borderRules } from './border.ts'
import { containers } from './containers.ts'
import { joinHooks } from './hooks.ts'
import { masquerade } from './masquerade.ts'
import { endNode, forwarder, HOST_RP_FILTER, hostUplink, switchFilterOff, underlay } from './underlay.ts'

/** A compiled lab. */
export interface Compiled {
  readonly lab: Lab
  readonly objects: readonly KernelObject[]
  /** Kernel features without which it cannot be built. */
  readonly needs: readonly Feature[]
}

/** Least MTU of a link that carries this family: RFC 8200, RFC 791. */
const LEAST = { 4: 576, 6: 1280 } as const

/** What the topology calls a host, whose name may hold dots. */
const keyOf = ({ source }: Host): string => source.path.replace(/^hosts\./, '').replaceAll('"', '')

/** The first host whose link, or what the backend leaves of it, is too small for what it must carry. */
function tooSmall(lab: Lab): Refusal[] {
  const { reserve } = backendOf(lab.backend)
  const inPods = lab.families.includes(6) ? 6 : 4
  const onLink = hasIpv6(lab) ? 6 : 4
  const need = Math.max(LEAST[inPods] + reserve, LEAST[onLink])
  const host = lab.hosts.find((h) => h.mtu < need)
  if (!host) return []
  const left = podMTU(lab, host)
  const what = left < LEAST[inPods] ? `less ${reserve} bytes of ${lab.backend.type} leaves pods ${left}` : 'is small'
  const least = left < LEAST[inPods] ? inPods : onLink
  return [
    {
      path: lab.hosts.every((h) => h.mtu === host.mtu) ? ['underlay', 'mtu'] : ['hosts', keyOf(host), 'mtu'],
      code: 'mtu-too-small',
      message: `host ${host.name}: link MTU ${host.mtu} ${what}, below the ${LEAST[least]} that ${least === 6 ? 'IPv6 (RFC 8200)' : 'IPv4 (RFC 791)'} asks for`,
      hint: `Raise the link MTU to at least ${need}.`,
      forceable: false,
    },
  ]
}

/** A device of the attach module that has the name of one of the backend's. */
function nameTaken(lab: Lab): Refusal[] {
  const own = attachOf(lab.attach).devices
  const [host] = lab.hosts
  if (!host || own.length === 0) return []
  const taken = backendOf(lab.backend)
    .objects(host, lab, own[0])
    .find((o) => o.kind === 'link' && own.includes(o.name))
  if (!taken) return []
  return [
    {
      path: ['network', 'attach', 'name'],
      code: 'device-name-taken',
      message: `backend ${lab.backend.type} makes a device ${own[0]} in every host`,
      hint: 'Choose another name.',
      forceable: false,
    },
  ]
}

/** An external that is to know the way to pods, beyond routers that do not. */
function podsUnknown(lab: Lab): Refusal[] {
  const external = lab.externals.find((x) => x.podRoutes)
  if (!external || !lab.fabric || backendOf(lab.backend).speaks) return []
  return [
    {
      path: ['externals', external.name, 'podRoutes'],
      code: 'pod-routes-unknown',
      message: `external ${external.name}: with underlay.routing: bgp routers know only what they learn, and no host tells them of its pods`,
      hint: 'Use network.backend: { type: bgp, mode: tor }, or leave podRoutes away.',
      forceable: false,
    },
  ]
}

/** A backend that makes one link of the bridges of all hosts, where there are none. */
function withoutBridge(lab: Lab): Refusal[] {
  if (!backendOf(lab.backend).bridged || attachOf(lab.attach).sharesL2) return []
  return [
    {
      path: ['network', 'attach'],
      code: 'no-bridge',
      message: `backend ${lab.backend.type} makes one link of the bridges of all hosts, and attach ${lab.attach.type} has none`,
      hint: 'Write `attach: bridge`.',
      forceable: false,
    },
  ]
}

/** The reasons the chosen modules give against this lab. */
export function refusals(lab: Lab): readonly Refusal[] {
  const backend = backendOf(lab.backend)
  return [...tooSmall(lab), ...nameTaken(lab), ...withoutBridge(lab), ...podsUnknown(lab), ...backend.refuse(lab)]
}

/** Compiles a lab. Pure; the same lab gives the same list. */
export function compile(lab: Lab): Compiled {
  const backend = backendOf(lab.backend)
  const attach = attachOf(lab.attach)
  const bridge = attach.sharesL2 ? attach.devices[0] : undefined
  const needs = new Set<Feature>(['netns', 'veth', 'bridge', ...backend.needs, ...attach.needs])
  if (lab.masquerade && lab.families.includes(4)) needs.add('masquerade')
  if (lab.masquerade && lab.families.includes(6)) needs.add('masquerade6')
  if (hasIpv6(lab)) needs.add('ipv6')
  if (lab.fabric) needs.add('bird')
  for (const feature of borderNeeds(lab)) needs.add(feature)
  const services = servicesOf(lab)
  for (const feature of services.needs(lab)) needs.add(feature)
  const policy = policyModuleOf(lab)
  for (const feature of policy.needs(lab)) needs.add(feature)
  for (const feature of attach.hostPorts.needs(lab)) needs.add(feature)

  const podsOf = new Map<string, Pod[]>(lab.hosts.map((h) => [h.name, []]))
  for (const pod of lab.pods) podsOf.get(pod.host)!.push(pod)

  const forServices = services.plan(lab)
  const objects: KernelObject[] = underlay(lab)
  for (const router of lab.routers) objects.push(...(backend.onRouter?.(router, lab) ?? []), ...borderRules(router, lab))
  if (needs.has('br_netfilter')) for (const s of lab.segments) objects.push(...switchFilterOff(s))
  for (const host of lab.hosts) {
    const pods = podsOf.get(host.name)!
    objects.push(...forwarder(host.netns, host.source, lab, HOST_RP_FILTER), ...hostUplink(host, lab))
    for (const pod of pods) objects.push(...endNode(pod.netns, pod.source, lab.families))
    for (const o of attach.objects({ host, pods, podMTU: podMTU(lab, host), oneLink: backend.bridged === true }, lab)) objects.push(o)
    for (const o of backend.objects(host, lab, bridge)) objects.push(o)
    // In this order they hang on the hooks they share. Policies come first: in FORWARD, Services let through what they
    // marked for masquerading, and nothing may be let through that no policy has seen. The edge of the cluster comes last.
    const chains = [...policy.objects(host, lab), ...forServices(host), ...attach.hostPorts.objects(host, lab), ...masquerade(host, lab)]
    for (const o of joinHooks(chains)) objects.push(o)
  }
  for (const owner of containerOwners(lab)) objects.push(...containers(owner))
  return { lab, objects, needs: [...needs] }
}
