/** What the words of a `netlab capture` line mean: where to listen, and what to keep. */
import { upCommand } from '../../../state/up-command.ts'
import { existsSync } from 'node:fs'
import { tunnelPorts } from '../../../backends/index.ts'
import { FilterError, parseFilter, PROTOCOL_WORDS, type Filter, type NamedPort } from '../../../capture/filter.ts'
import { whereOf, type Frame, type Listen } from '../../../capture/tap.ts'
import { inside } from '../../../netns/inside.ts'
import { withReader } from '../../../netns/netlink/reader.ts'
import { netnsFile } from '../../../netns/paths.ts'
import { containerOwners, nodeName, nodesOf, type Lab } from '../../../lab/lab.ts'
import type { Applied } from '../../../state/store.ts'
import { contains, formatIp, parseCidr, parseIp } from '../../../topology/address.ts'
import { suggest } from '../../../topology/suggest.ts'
import { decode } from '../../../packet/decode.ts'
import { theNode } from '../../labs.ts'
import { usage } from '../../values.ts'

/** Where to listen. */
export interface Listens {
  readonly listens: readonly Listen[]
  /** Characters of the longest `node/device`. */
  readonly widest: number
}

/** Where `NODE[:DEVICE]…` says to listen, each place once. @throws Failure with a suggestion */
export function listensFor({ lab }: Applied, words: readonly string[]): Listens {
  const wanted = words.map((word): Listen => {
    const at = word.indexOf(':')
    const [name, device] = at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
    const node = theNode(lab, name)
    if (!existsSync(netnsFile(node.netns)))
      throw usage(
        'node-not-running',
        `${nodeName(node)} is not running: its namespace ${node.netns} is gone`,
        `${upCommand(lab)} makes it again.`,
      )
    return { node: nodeName(node), ns: node.netns, ...(device === undefined ? {} : { device }) }
  })
  const devices = devicesOf(new Set(wanted.map((w) => w.ns)))
  for (const { node, ns, device } of wanted) {
    const there = devices.get(ns)!
    if (device === undefined || there.includes(device)) continue
    const near = suggest(device, there)
    throw usage('unknown-device', `${node} has no device "${device}"`, near ? `did you mean "${near}"?` : `Devices: ${there.join(', ')}.`)
  }
  // All devices of a node include each of them.
  const whole = new Set(wanted.filter((w) => w.device === undefined).map((w) => w.ns))
  const chosen = wanted.filter((w) => w.device === undefined || !whole.has(w.ns))
  const listens = [...new Map(chosen.map((w) => [`${w.ns} ${w.device ?? ''}`, w])).values()]
  const names = listens.flatMap((l) =>
    l.device === undefined ? devices.get(l.ns)!.map((device) => whereOf({ ...l, device })) : [whereOf(l)],
  )
  return { listens, widest: Math.max(...names.map((n) => n.length)) }
}

/** Names of the devices of namespaces. */
const devicesOf = (list: ReadonlySet<string>): Map<string, string[]> =>
  new Map([...list].map((ns) => [ns, inside(ns, () => withReader((reader) => [...reader.devices.values()].map((d) => d.name)))]))

/** Which frames to keep. @throws Failure that points at what is wrong */
export function filterFor(applied: Applied, text: string | undefined): (frame: Frame) => boolean {
  if (text === undefined) return () => true
  const filter = parsed(applied, text)
  const options = { ports: tunnelPorts(applied.lab) }
  return (frame) => filter(decode(frame.bytes, frame.hardware, options))
}

/**
 * Addresses by name: those of nodes, and of Services, which `svc/NAME` means where a node has the name, too. A headless
 * Service has those of its endpoints.
 */
export function addressesByName(lab: Lab): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, readonly string[]>()
  for (const service of lab.services) {
    const own = [...service.clusterIPs.map(({ ip }) => ip), ...service.externalIPs]
    const endpoints = service.ports.flatMap((port) => [...port.endpoints, ...(port.draining ?? [])].map(({ ip }) => ip))
    for (const name of [service.key, `svc/${service.key}`]) addresses.set(name, service.headless ? endpoints : own)
  }
  for (const node of nodesOf(lab))
    if ('addresses' in node)
      addresses.set(
        nodeName(node),
        node.addresses.map(({ ip }) => ip),
      )
  return addresses
}

/** Ports by name: what containers and Services of the lab call them. Of a Service also where its endpoints and hosts have the port. */
export function portsByName(lab: Lab): ReadonlyMap<string, readonly NamedPort[]> {
  const ports = new Map<string, NamedPort[]>()
  const add = (name: string | undefined, protocol: string, numbers: readonly (number | undefined)[]): void => {
    if (name === undefined) return
    const known = ports.get(name) ?? []
    ports.set(name, known)
    for (const port of numbers) if (port !== undefined) known.push({ protocol: protocol.toLowerCase() as NamedPort['protocol'], port })
  }
  for (const { containers } of containerOwners(lab))
    for (const container of containers)
      for (const { name, protocol, containerPort } of container.ports) add(name, protocol, [containerPort])
  for (const service of lab.services)
    for (const { name, protocol, port, nodePort, endpoints, draining = [] } of service.ports)
      add(name, protocol, [port, nodePort, ...[...endpoints, ...draining].map((e) => e.port)])
  return ports
}

function parsed({ lab }: Applied, text: string): Filter {
  const [addresses, ports] = [addressesByName(lab), portsByName(lab)]
  try {
    return parseFilter(text, {
      addresses: (name) => addresses.get(name),
      ports: (name) => ports.get(name),
      address: (word) => {
        const ip = parseIp(word)
        return ip && formatIp(ip.family, ip.value)
      },
      network: (word) => {
        const cidr = parseCidr(word)
        if (!cidr) return undefined
        return (address) => {
          const ip = parseIp(address)
          return ip !== undefined && contains(cidr, ip)
        }
      },
    })
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    const word = /^[^\s()!]*/.exec(text.slice(error.column - 1))![0]
    const known = [...PROTOCOL_WORDS, 'host', 'net', 'port', 'src', 'dst', 'and', 'or', 'not', ...addresses.keys(), ...ports.keys()]
    const near = word === '' || known.includes(word) ? undefined : suggest(word, known)
    throw usage(
      'bad-filter',
      `--filter, column ${error.column}: ${error.message}`,
      near ? `did you mean "${near}"?` : `Such as "tcp port 80", "host pod-a and not arp". Protocols: ${PROTOCOL_WORDS.join(', ')}.`,
    )
  }
}
