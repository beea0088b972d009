/** What the commands share: exits, output modes, a topology file on its way to kernel objects. */
import { attachModules } from '../attach/index.ts'
import { backends, chosenHere } from '../backends/index.ts'
import { compile, refusals, type Compiled } from '../compile/compile.ts'
import { probe } from '../kernel/features/probe.ts'
import { policyModules, unenforcedText } from '../policy/index.ts'
import { presets, waiting } from '../presets/index.ts'
import { serviceModules } from '../services/index.ts'
import type { Lab } from '../lab/lab.ts'
import type { Leases } from '../lab/addressing/lease.ts'
import { resolve } from '../lab/resolve.ts'
import { hasErrors, isMistake, type Diagnostic } from '../topology/diagnostics.ts'
import type { ServiceSpec } from '../topology/kubernetes/kubernetes.ts'
import { readTopology } from '../topology/load.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import type { KnownModules } from '../topology/schema/schema.ts'
import { Exit, Failure } from './failure.ts'

export const modules: KnownModules = { backends, attach: attachModules, services: serviceModules, policy: policyModules, presets, waiting }

/** Flags every command that reads a topology has. */
export interface FileOptions {
  /** Build combinations that cannot work. */
  readonly force?: boolean
  /** Take warnings for errors. */
  readonly strict?: boolean
  /** Addresses that a running lab of this name handed out. */
  readonly leases?: (lab: string) => Leases
  /** What is compiled in place of what the file says. */
  readonly change?: (loaded: LoadedTopology) => LoadedTopology
}

export interface FromFile {
  readonly compiled: Compiled
  readonly loaded: LoadedTopology
  /** The files it was made from, by the names diagnostics give. */
  readonly texts: ReadonlyMap<string, string>
  readonly warnings: readonly Diagnostic[]
}

/** Reads, validates, resolves and compiles a topology. @throws Failure (exit 2) with every diagnostic of the file. */
export async function compileFile(file: string, options: FileOptions = {}): Promise<FromFile> {
  const sources = new Map<string, string>()
  const fail = (diagnostics: readonly Diagnostic[]): never => {
    throw new Failure(Exit.Usage, diagnostics, sources)
  }
  const { value: read, diagnostics, texts } = await readTopology(file, modules)
  for (const [name, text] of texts) sources.set(name, text)
  if (!read) return fail(diagnostics)
  const loaded = options.change?.(read) ?? read
  const resolved = resolve(loaded, options.leases)
  const found = [...diagnostics, ...resolved.diagnostics]
  const lab = resolved.value
  if (!lab || hasErrors(found)) return fail(found)
  lab.backend = chosenHere(lab.backend, (feature) => probe([feature])[0]!.works)
  for (const r of refusals(lab)) {
    const { line, column } = loaded.source(r.path)
    const severity = r.forceable && options.force ? 'warning' : 'error'
    found.push({ code: r.code, severity, message: r.message, file, line, column, ...(r.hint === undefined ? {} : { hint: r.hint }) })
  }
  if (hasErrors(found)) return fail(found)
  found.push(...notActedUpon(lab, loaded))
  const mistakes = found.filter(isMistake)
  if (options.strict && mistakes.length > 0) return fail(mistakes.map((d) => ({ ...d, severity: 'error' })))
  // A test of the running lab shows them again.
  if (found.length > 0) lab.warnings = found
  if (lab.pods.length >= LARGE) spareMemory()
  return { compiled: compile(lab), loaded, texts: sources, warnings: found }
}

/** Pods from which a lab takes enough memory to be sparing with it. */
const LARGE = 500

/**
 * What a large lab is made of stays until the end, so that collecting garbage late gains nothing: V8 would let the heap grow
 * to four times what it last found in use. It looks at this percentage after each collection.
 */
function spareMemory(): void {
  process.getBuiltinModule('node:v8').setFlagsFromString('--heap-growing-percent=35')
}

/** What is asked for and has no effect: silence would be a lie. */
function notActedUpon(lab: Lab, loaded: LoadedTopology): Diagnostic[] {
  const unenforced = unenforcedText(lab)
  const { line, column, file = loaded.file } = loaded.source(['network', 'policy'])
  const policies: Diagnostic[] =
    unenforced === undefined ? [] : [{ code: 'not-acted-upon', severity: 'warning', message: unenforced, file, line, column }]
  return [...policies, ...servicesNotActedUpon(lab, loaded)]
}

function servicesNotActedUpon(lab: Lab, loaded: LoadedTopology): Diagnostic[] {
  return lab.services.flatMap((s): Diagnostic[] => {
    const { line, column, file = loaded.file } = s.source
    const missing = withoutEffect(loaded.topology.services[s.key]!)
    return missing.map((what) => ({
      code: 'not-acted-upon',
      severity: 'warning',
      message: `service ${s.key}: ${what}`,
      file,
      line,
      column,
    }))
  })
}

/** What a Service asks for and a lab does not have. */
function withoutEffect(spec: ServiceSpec): string[] {
  return [
    ...(spec.type === 'LoadBalancer' ? ['there is no load balancer in a lab: it answers at its cluster address and node ports'] : []),
    ...(spec.healthCheckNodePort === undefined
      ? []
      : [`nothing answers at health check port ${spec.healthCheckNodePort}: it is there for a load balancer to ask`]),
    ...(spec.type === 'ExternalName' ? ['ExternalName is an alias in DNS, and a lab has no DNS'] : []),
    ...(spec.trafficDistribution === undefined ? [] : ['`trafficDistribution` is a preference, and is ignored']),
  ]
}
