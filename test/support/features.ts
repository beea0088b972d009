/** Which backends a run is about, and which of them this kernel can carry. */
import { backendOf, backends } from '../../src/backends/index.ts'
import { modules } from '../../src/cli/topology-file.ts'
import { resolve } from '../../src/lab/resolve.ts'
import { loadTopology } from '../../src/topology/load.ts'
import { missing, unable } from './machine.ts'
import { optionTypes } from '../../src/topology/schema/schema.ts'

/** In the virtual machine, where the processor may be emulated: everything takes longer. */
export const inVM = process.env['NETLAB_IN_VM'] === '1'

/** Only the first lab of each backend: `npm run test:quick`. */
export const isQuick = process.env['NETLAB_QUICK'] === '1'

/** Backends whose devices every kernel has: the virtual machine need not repeat them. */
export const COMMON_BACKENDS: readonly string[] = ['vxlan', 'direct', 'udp', 'bgp', 'vpc']

/** NETLAB_BACKENDS: a list with commas. */
const chosen = process.env['NETLAB_BACKENDS']?.split(',')

/** Whether a run is about a backend: all are, but those of every kernel in the virtual machine. */
export const isChosen = (backend: string): boolean => chosen?.includes(backend) ?? !(inVM && COMMON_BACKENDS.includes(backend))

/** Why labs of a backend cannot be tested here, or false: for `skip`. */
export function lacking(backend: string): string | false {
  if (unable !== false) return unable
  if (!isChosen(backend)) return chosen ? `NETLAB_BACKENDS is ${chosen.join(',')}` : `${backend} is tested outside the virtual machine`
  const module = backends[backend]!
  for (const feature of module.create(module.options(optionTypes).parse({})).needs) {
    const reason = missing(feature)
    if (reason !== undefined) return `this kernel has no ${feature}: ${reason} (npm run test:vm)`
  }
  return false
}

/** Address families a backend's pods can have. */
export function familiesOf(backend: string): readonly (4 | 6)[] {
  const dual = `{ name: l, network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], backend: ${backend} }, hosts: { a: {} }, pods: {} }`
  const lab = resolve(loadTopology(dual, 'lab.yaml', modules).value!).value!
  return backendOf(lab.backend).refuse(lab).length > 0 ? [4] : [4, 6]
}

/** Why an example of topologies/ is not built here, or false: this kernel cannot, or it takes more than a test should. */
export const unbuildable = (example: string): string | false =>
  example === 'scale' ? 'a thousand pods are for the benchmark' : example in backends && lacking(example)
