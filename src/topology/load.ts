/**
 * The entry point: a file, or its text, becomes a validated {@link Topology} whose every value knows
 * its line and column. All that is wrong with it is found at once and comes back as diagnostics.
 */
import { withoutAbsent } from './schema/absent.ts'
import { SHORTEST } from './schema/errors.ts'
import { byPosition, hasErrors, type Diagnostic, type Outcome, type Path, type Source } from './diagnostics.ts'
import { readText } from './files.ts'
import { errorMap, explain } from './schema/explain.ts'
import type { ManifestText } from './kubernetes/objects.ts'
import type { LoadedTopology } from './loaded.ts'
import { SECTIONS, topologySchema, type KnownModules } from './schema/schema.ts'
import { describeValue, formatPath } from './schema/format.ts'
import { fillIn } from './preset.ts'
import { parseYaml, type YamlDocument } from './yaml/yaml.ts'

type Mapping = Readonly<Record<string, unknown>>

const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Below this many characters a file is checked sooner than zod compiles a function that checks it. */
const SMALL = 100_000

/** Validates the text of a topology. Pure; `file` only names it. */
export function loadTopology(text: string, file: string, modules: KnownModules): Outcome<LoadedTopology> {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text
  const { documents, diagnostics } = parseYaml(content, file)
  const written = documents.filter((document) => !document.isEmpty)
  const document = written[0] ?? documents[0]
  if (!document) return { diagnostics }
  const misfit = evaluateWhole(written, file)
  if (misfit) return { diagnostics: [...diagnostics, misfit].sort(byPosition) }

  const { positions } = document
  const { value, chosen, isFilled } = fillIn(document.value as Mapping, modules.presets)
  const schema = schemaFor(value, modules)
  const parsed = schema.safeParse(withoutAbsentFields(schema, value), { error: errorMap, jitless: content.length < SMALL })
  const issues = parsed.success ? [] : explain(parsed.error.issues, value, positions, file)
  // Where YAML itself has been complained about, the value is a stand-in.
  const reported = new Set(diagnostics.filter(({ severity }) => severity === 'error').map(({ line, column }) => `${line}:${column}`))
  const all = [...diagnostics, ...issues.filter(({ line, column }) => !reported.has(`${line}:${column}`))].sort(byPosition)
  if (!parsed.success || all.some((diagnostic) => diagnostic.severity === 'error')) return { diagnostics: all }
  // What a preset fills in is where the preset is named.
  const source = (path: Path): Source => ({
    ...positions.key(isFilled(path) ? ['network', 'preset'] : path),
    path: formatPath(path),
  })
  const { backend, attach } = parsed.data.network
  const needsRouter = modules.backends[backend.type]?.needsRouter === true
  const interfaceOf = modules.attach[attach.type]?.interfaceOf
  return {
    value: {
      topology: parsed.data,
      file,
      text: content,
      needsRouter,
      ...(interfaceOf ? { interfaceOf: (pod) => interfaceOf(attach, pod) } : {}),
      ...(chosen ? { preset: chosen } : {}),
      source,
    },
    diagnostics: all,
  }
}

/** Kubernetes' own objects in a topology leave out what they would leave out in a manifest. */
function withoutAbsentFields(schema: ReturnType<typeof topologySchema>, value: unknown): unknown {
  const whole = value as Mapping
  const sections = (['services', 'policies'] as const).filter((key) => Object.hasOwn(whole, key))
  return { ...whole, ...Object.fromEntries(sections.map((key) => [key, withoutAbsent(schema.shape[key], whole[key])])) }
}

/** Building the schema takes longer than validating a small file, which matters where many are loaded. */
const schemas = new WeakMap<KnownModules, Map<string, ReturnType<typeof topologySchema>>>()

/** The schema, as far as a file needs it. */
function schemaFor(value: Mapping, modules: KnownModules): ReturnType<typeof topologySchema> {
  const chosen = chosenModules(isMapping(value['network']) ? value['network'] : {}, modules)
  const given = SECTIONS.filter((section) => Object.hasOwn(value, section))
  const kinds = [chosen.backends, chosen.attach, chosen.services, chosen.policy]
  const key = [...kinds.map((known) => Object.keys(known)), given].join(' ')
  let known = schemas.get(modules)
  if (!known) schemas.set(modules, (known = new Map()))
  let schema = known.get(key)
  if (!schema) known.set(key, (schema = topologySchema(chosen, given)))
  return schema
}

/** The modules that `network` names, and the defaults of kinds that it leaves out. Of a kind where it names none that there is: all. */
function chosenModules({ backend, attach, services, policy }: Mapping, modules: KnownModules): KnownModules {
  const chosen = <M>(known: Readonly<Record<string, M>>, written: unknown): typeof known => {
    const name = written === undefined ? Object.keys(known)[0] : isMapping(written) ? written['type'] : written
    return typeof name === 'string' && Object.hasOwn(known, name) ? { [name]: known[name]! } : known
  }
  return {
    presets: modules.presets,
    waiting: modules.waiting,
    backends: chosen(modules.backends, backend),
    attach: chosen(modules.attach, attach),
    services: chosen(modules.services, services),
    policy: chosen(modules.policy, policy),
  }
}

/** What is wrong with a file as a whole: it is empty, several documents, no mapping, or something else's. */
function evaluateWhole(written: readonly YamlDocument[], file: string): Diagnostic | undefined {
  const error = (code: string, { line, column }: { line: number; column: number }, message: string, hint: string): Diagnostic => ({
    code,
    severity: 'error',
    message,
    file,
    line,
    column,
    hint,
  })
  const [first, second] = written
  if (!first) return error('empty-file', { line: 1, column: 1 }, 'the file is empty', SHORTEST)
  const { value } = first
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'apiVersion') && Object.hasOwn(value, 'kind')) {
    return error('not-a-topology', first, 'this is a Kubernetes manifest', 'write a topology and name this file under `manifests:`')
  }
  if (second)
    return error(
      'several-documents',
      second,
      'a second document begins here',
      'one file holds one lab: remove the `---`, or split the file',
    )
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return error('wrong-type', first, `expected a mapping with \`hosts\` and \`pods\`, found ${describeValue(value)}`, SHORTEST)
  }
  return undefined
}

/** The texts come along also where they are no topology: code frames are made of them. */
export interface ReadOutcome extends Outcome<LoadedTopology> {
  /** By the names diagnostics give: the topology, and its manifests. */
  readonly texts: ReadonlyMap<string, string>
}

/** Reads and validates a topology file and the manifests it names. */
export async function readTopology(file: string, modules: KnownModules): Promise<ReadOutcome> {
  const { value: text, diagnostics } = readText(file)
  if (text === undefined) return { diagnostics, texts: new Map() }
  const texts = new Map([[file, text]])
  const outcome = loadTopology(text, file, modules)
  const loaded = outcome.value
  if (!loaded || loaded.topology.manifests.length === 0) return { ...outcome, texts }
  // Most topologies name none: they need not wait until what reads manifests is loaded.
  const [{ findManifests }, { mergeManifests }] = await Promise.all([
    import('./kubernetes/manifest-files.ts'),
    import('./kubernetes/manifests.ts'),
  ])
  const found = [...outcome.diagnostics]
  const manifests: ManifestText[] = []
  for (const { file: name, namespace, named } of findManifests(loaded, found)) {
    const read = readText(name)
    // What cannot be read has no lines: the place is where the topology names it.
    found.push(...read.diagnostics.map((d) => ({ ...d, ...named, message: `manifests: ${name}: ${d.message}` })))
    if (read.value === undefined) continue
    texts.set(name, read.value)
    manifests.push({ file: name, text: read.value, namespace })
  }
  const merged = mergeManifests(loaded, manifests)
  found.push(...merged.diagnostics)
  return { ...(merged.value && !hasErrors(found) ? { value: merged.value } : {}), diagnostics: found, texts }
}
