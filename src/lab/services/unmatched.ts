/** Services that no pod can answer for: a selector that selects none, a target port that no container declares by that name. */
import type { ServiceSpec } from '../../topology/kubernetes/kubernetes.ts'
import { suggest } from '../../topology/suggest.ts'
import type { HostPod } from '../lab.ts'
import { nearestLabels } from '../policy/nearest.ts'
import { selects, selectorText } from '../policy/selectors.ts'
import { portHint } from '../policy/unmatched.ts'
import type { Problems } from '../problems.ts'

interface Asked {
  readonly key: string
  readonly namespace: string
  readonly spec: ServiceSpec
}

/** @param pods all that the lab has */
export function warnOfService({ key, namespace, spec }: Asked, pods: readonly HostPod[], problems: Problems): void {
  const { selector = {}, type, ports } = spec
  if (type === 'ExternalName' || Object.keys(selector).length === 0) return
  const inside = pods.filter((p) => p.namespace === namespace)
  const behind = inside.filter((p) => selects({ matchLabels: selector }, p.labels))
  if (behind.length === 0) {
    const text = selectorText({ matchLabels: selector })
    const why = inside.length === 0 ? `namespace ${namespace} has no pod` : `no pod of namespace ${namespace} has ${text}`
    const near = nearestLabels(
      { matchLabels: selector },
      inside.map((p) => p.labels),
    )
    problems.warning(['services', key, 'selector'], 'selects-nothing', `service ${key} selects no pod: ${why}`, near)
    return
  }
  for (const [i, { targetPort, protocol }] of ports.entries()) {
    if (typeof targetPort !== 'string') continue
    const declared = behind.flatMap((pod) => pod.containers.flatMap((c) => c.ports))
    if (declared.some((p) => p.name === targetPort && p.protocol === protocol)) continue
    const names = new Set(declared.flatMap((p) => p.name ?? []))
    const near = suggest(targetPort, names)
    problems.warning(
      ['services', key, 'ports', i, 'targetPort'],
      'no-such-port',
      `service ${key}: no container of its pods declares a port ${targetPort}/${protocol.toLowerCase()}`,
      near === undefined || near === targetPort ? portHint(names) : `did you mean \`${near}\`?`,
    )
  }
}
