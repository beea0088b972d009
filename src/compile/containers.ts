/** Containers: processes that share their pod's network namespace. */
import type { Process } from '../kernel/objects.ts'
import type { Pod } from '../lab/lab.ts'

export function containers(pod: Pod): Process[] {
  return pod.containers.map((c) => ({
    kind: 'process',
    ns: pod.netns,
    from: pod.source,
    id: [...(pod.namespace === 'default' ? [] : [pod.namespace]), pod.name, c.name].join('.'),
    hostname: pod.name,
    pod: pod.key,
    container: c.name,
    ...(c.command ? { command: c.command } : {}),
    listen: c.command ? [] : c.ports.map((p) => ({ port: p.containerPort, protocol: p.protocol })),
    addresses: pod.addresses.map((a) => a.ip),
  }))
}
