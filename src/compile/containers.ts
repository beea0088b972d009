/** Containers: processes that share their pod's network namespace. */
import type { Process } from '../kernel/objects.ts'
import type { HostPod } from '../lab/lab.ts'
import { fileNamePart } from '../lab/names.ts'

/** @param hostname what containers call their machine: with `hostNetwork` as the host does */
export function containers(pod: HostPod, hostname = pod.name): Process[] {
  const listened = new Set<string>()
  const isFirst = (port: string): boolean => !listened.has(port) && listened.add(port).has(port)
  return pod.containers.map((c) => ({
    kind: 'process',
    ns: pod.netns,
    from: pod.source,
    id: [...(pod.namespace === 'default' ? [] : [pod.namespace]), pod.name, c.name].map(fileNamePart).join('.'),
    hostname,
    pod: pod.key,
    container: c.name,
    ...(c.command ? { command: c.command } : {}),
    // A port that is declared twice has one listener, as in a cluster.
    listen: c.command
      ? []
      : c.ports.flatMap((p) => (isFirst(`${p.containerPort}/${p.protocol}`) ? [{ port: p.containerPort, protocol: p.protocol }] : [])),
    addresses: pod.addresses.map((a) => a.ip),
  }))
}
