/** Containers: processes that share the network namespace of their pod or external. */
import type { Process } from '../kernel/objects.ts'
import type { ContainerOwner } from '../lab/lab.ts'
import { fileNamePart } from '../lab/names.ts'

export function containers({
  kind,
  key,
  name,
  namespace,
  netns,
  source,
  addresses,
  hostname,
  containers: list,
}: ContainerOwner): Process[] {
  const listened = new Set<string>()
  const isFirst = (port: string): boolean => !listened.has(port) && listened.add(port).has(port)
  const within = namespace === undefined || namespace === 'default' ? [] : [namespace]
  return list.map((c) => ({
    kind: 'process',
    ns: netns,
    from: source,
    id: [...within, name, c.name].map(fileNamePart).join('.'),
    hostname,
    pod: key,
    ...(kind === 'external' ? { external: true } : {}),
    container: c.name,
    ...(c.command ? { command: c.command } : {}),
    // A port that is declared twice has one listener, as in a cluster.
    listen: c.command
      ? []
      : c.ports.flatMap((p) => (isFirst(`${p.containerPort}/${p.protocol}`) ? [{ port: p.containerPort, protocol: p.protocol }] : [])),
    addresses: addresses.map((a) => a.ip),
  }))
}
