/** Labs from topology text, as the commands make them. */
import { compile, type Compiled } from '../../../src/compile/compile.ts'
import { modules } from '../../../src/cli/topology-file.ts'
import { leasesOf, type Leases } from '../../../src/lab/addressing/lease.ts'
import type { Host, Lab, Pod } from '../../../src/lab/lab.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import type { Diagnostic } from '../../../src/topology/diagnostics.ts'
import { loadTopology } from '../../../src/topology/load.ts'
import type { LoadedTopology } from '../../../src/topology/loaded.ts'

export { modules }

const FILE = 'lab.yaml'
const say = (diagnostics: readonly Diagnostic[]): string =>
  diagnostics.map((d) => `${d.line}:${d.column} ${d.code}: ${d.message}`).join('\n')

/** The loaded topology of a text whose shape must be fine. */
export function load(text: string): LoadedTopology {
  const { value, diagnostics } = loadTopology(text, FILE, modules)
  if (!value) throw new Error(say(diagnostics))
  return value
}

/** The lab a text describes; throws what is wrong with it. */
export function lab(text: string, leases?: Leases): Lab {
  const { value, diagnostics } = resolve(load(text), leases && ((): Leases => leases))
  if (!value) throw new Error(say(diagnostics))
  return value
}

/** The lab of a text after another one has been running. */
export const labAfter = (running: Lab, text: string): Lab => lab(text, leasesOf(running))

export const compiled = (text: string): Compiled => compile(lab(text))

/** What the model says about a text: `line:column code`. */
export const problems = (text: string): string[] => resolve(load(text)).diagnostics.map((d) => `${d.line}:${d.column} ${d.code}`)

/** Messages and hints of what the model says about a text. */
export const words = (text: string): string =>
  resolve(load(text))
    .diagnostics.map((d) => `${d.message} | ${d.hint ?? ''}`)
    .join('\n')

export const hostOf = (l: Lab, name: string): Host =>
  found(
    l.hosts.find((h) => h.name === name),
    name,
  )
/** @param key as the topology calls it: `pod-a`, `shop/cart` */
export const podOf = (l: Lab, key: string): Pod =>
  found(
    l.pods.find((p) => p.key === key),
    key,
  )

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`there is no ${name}`)
  return value
}

export const ips = (node: { readonly addresses: readonly { readonly ip: string }[] }): string[] => node.addresses.map((a) => a.ip)
export const cidrs = (host: Host): string[] => host.blocks.map((b) => b.cidr)

/** Everything about a node that a neighbour may have cached or a user written down. */
export function placeOf(node: Host | Pod): unknown {
  const { source: _line, labels: _labels, ...place } = node
  return place
}
