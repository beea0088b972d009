/** Which backends a run is about, and which of them this kernel can carry. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { backendOf, backends } from '../../src/backends/index.ts'
import { compileFile, modules } from '../../src/cli/topology-file.ts'
import { compile, type Compiled } from '../../src/compile/compile.ts'
import type { Feature } from '../../src/kernel/features/feature.ts'
import { linkFeatures } from '../../src/kernel/links/index.ts'
import { resolve } from '../../src/lab/resolve.ts'
import { loadTopology } from '../../src/topology/load.ts'
import { missing, unable } from './machine.ts'
import { root } from './root.ts'
import { optionTypes } from '../../src/topology/schema/schema.ts'

/** In the virtual machine, where the processor may be emulated: everything takes longer. */
export const inVM = process.env['NETLAB_IN_VM'] === '1'

/** Only the first lab of each backend: `npm run test:quick`. */
export const isQuick = process.env['NETLAB_QUICK'] === '1'

/** Backends whose devices every kernel has: the virtual machine need not repeat them. */
export const COMMON_BACKENDS: readonly string[] = ['vxlan', 'direct', 'udp', 'bgp', 'vpc']

/** Backends that a program carries where the kernel has no device for them: of these the virtual machine tries what the device does, by their conformance. */
export const BY_PROGRAM_TOO: readonly string[] = ['wireguard']

/** NETLAB_BACKENDS: a list with commas. */
const chosen = process.env['NETLAB_BACKENDS']?.split(',')

/** Whether a run is about a backend: all are, but those of every kernel in the virtual machine. */
export const isChosen = (backend: string): boolean => chosen?.includes(backend) ?? !(inVM && COMMON_BACKENDS.includes(backend))

const compiledText = (text: string, file: string): Compiled => compile(resolve(loadTopology(text, file, modules).value!).value!)

const defaultNeeds = (backend: string): readonly Feature[] =>
  backends[backend]!.create(backends[backend]!.options(optionTypes).parse({})).needs

/** Whether a run is about a topology: also in the virtual machine, where its backend was told to use devices that not every kernel has. */
export function isChosenFile(file: string): boolean {
  const { backend } = compiledText(readFileSync(file, 'utf8'), file).lab
  const devices = new Set<Feature>(linkFeatures.map((feature) => feature.name))
  const common = new Set(COMMON_BACKENDS.flatMap(defaultNeeds))
  return isChosen(backend.type) || (!chosen && backendOf(backend).needs.some((feature) => devices.has(feature) && !common.has(feature)))
}

/** The first of some features that this kernel lacks, as a reason to skip, or false. */
function lackingOf(features: readonly Feature[]): string | false {
  for (const feature of features) {
    const reason = missing(feature)
    if (reason !== undefined) return `this kernel has no ${feature}: ${reason} (npm run test:vm)`
  }
  return false
}

/** Why a topology cannot be built here, or false. */
export const lackingFor = (text: string): string | false => unable || lackingOf(compiledText(text, 'lab.yaml').needs)

/** Why labs of a backend cannot be tested here, or false: for `skip`. */
export function lacking(backend: string): string | false {
  if (unable !== false) return unable
  if (!isChosen(backend)) return chosen ? `NETLAB_BACKENDS is ${chosen.join(',')}` : `${backend} is tested outside the virtual machine`
  return lackingOf(defaultNeeds(backend))
}

/** Address families a backend's pods can have. */
export function familiesOf(backend: string): readonly (4 | 6)[] {
  const dual = `{ name: l, network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], backend: ${backend} }, hosts: { a: {} }, pods: {} }`
  const lab = resolve(loadTopology(dual, 'lab.yaml', modules).value!).value!
  return backendOf(lab.backend).refuse(lab).length > 0 ? [4] : [4, 6]
}

/** What there is in an example of topologies/ to build: kinds of objects, types of devices and what is asked of them, features of the kernel, and programs. */
export async function partsOf(example: string): Promise<ReadonlySet<string>> {
  const { objects, needs } = (await compileFile(join(root, 'topologies', `${example}.yaml`))).compiled
  const parts = objects.map((o) => {
    const sort = 'type' in o ? o.type : o.kind === 'daemon' ? o.program : o.kind === 'chain' ? `${o.table} ${o.family}` : ''
    return `${o.kind} ${sort} ${o.kind === 'link' || o.kind === 'route' ? Object.keys(o).toSorted().join(' ') : ''}`
  })
  return new Set([...parts, ...needs])
}

/** Why an example of topologies/ is not built here, or false: this kernel cannot, or it takes more than a test should. */
export const unbuildable = (example: string): string | false =>
  example === 'scale'
    ? 'a thousand pods are for the benchmark'
    : example in backends
      ? lacking(example)
      : lackingFor(readFileSync(join(root, 'topologies', `${example}.yaml`), 'utf8'))
