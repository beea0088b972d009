/**
 * Genuine Kubernetes objects become part of a topology: the texts of manifests are validated as an API server would,
 * object by object, and merged into what the topology says. What is said of them later (an address that is
 * taken, a policy that drops a packet) names the manifest's own file and line.
 *
 * Pods of a Deployment or ReplicaSet `web` are called web-1, web-2, … (a cluster would draw lots), of a StatefulSet
 * web-0, web-1, …, and a DaemonSet has one called web-<host> on every host.
 */
import * as z from 'zod'
import { byPosition, hasErrors, type Diagnostic, type Outcome, type Path, type Source } from '../diagnostics.ts'
import { withoutAbsent } from '../schema/absent.ts'
import { errorMap, explain } from '../schema/explain.ts'
import { formatPath } from '../schema/format.ts'
import type { LoadedTopology } from '../loaded.ts'
import { ENDPOINTS, ENDPOINT_SLICE, slicesOf } from './endpoint-slice.ts'
import { Merge, type KubernetesObject, type Origin } from './manifests-merge.ts'
import { labelMeta, meta, typed } from './meta.ts'
import { networkPolicySpec, serviceSpec } from './kubernetes.ts'
import { isMapping, kindOf, objectsOf, type Item, type ManifestText } from './objects.ts'
import { represented } from './ownership.ts'
import { isRunning } from './pod-status.ts'
import { WORKLOADS } from './workloads.ts'

/** The kinds that are read, by name; with the one version each. */
const READ = {
  ...WORKLOADS,
  Namespace: { version: 'v1', schema: z.strictObject({ ...typed, metadata: labelMeta, spec: z.unknown().optional() }) },
  Service: { version: 'v1', schema: z.strictObject({ ...typed, metadata: labelMeta, spec: serviceSpec() }) },
  NetworkPolicy: {
    version: 'networking.k8s.io/v1',
    schema: z.strictObject({ ...typed, metadata: meta, spec: networkPolicySpec().prefault({}) }),
  },
  EndpointSlice: ENDPOINT_SLICE,
  Endpoints: ENDPOINTS,
} as const

export type Kind = keyof typeof READ

/** An object that is as an API server wants it. */
interface Valid {
  readonly kind: Kind
  readonly object: KubernetesObject
  readonly item: Item
}

/** The topology with the objects of these manifests in it. Pure. */
export function mergeManifests(loaded: LoadedTopology, manifests: readonly ManifestText[]): Outcome<LoadedTopology> {
  const diagnostics: Diagnostic[] = []
  const others = new Map<string, number>()
  const valid: Valid[] = []
  for (const manifest of manifests) {
    const found: Diagnostic[] = []
    for (const item of objectsOf(manifest, found)) {
      const kind = kindOf(item, READ, found, others)
      const object = kind && read(item, kind, found)
      if (kind && object) valid.push({ kind, object, item })
    }
    diagnostics.push(...found.sort(byPosition))
  }
  if (others.size > 0) diagnostics.push(notRead(others, loaded))
  const merge = new Merge(loaded, diagnostics)
  for (const { kind, object, item } of withoutRepresented(valid)) {
    if (kind !== 'EndpointSlice' && kind !== 'Endpoints') merge.add(kind, object, { item, below: [] })
  }
  if (hasErrors(diagnostics)) return { diagnostics }
  const { topology, origins, podNames, realAddresses } = merge.result()
  const source = (path: Path): Source => {
    const origin = origins.get(`${path[0]}\0${path[1]}`)
    if (!origin) return loaded.source(path)
    const rest = path.slice(2).map((part) => origin.renamed?.[part] ?? part)
    // A whole object is where its name is.
    const below = rest.length === 0 ? ['metadata', 'name'] : [...origin.below, ...rest]
    return { ...origin.item.document.positions.key([...origin.item.at, ...below]), path: formatPath(path), file: origin.item.file }
  }
  const endpointSlices = slicesOf(
    valid.flatMap(({ kind, object, item }) =>
      kind === 'EndpointSlice' || kind === 'Endpoints' ? [{ kind, object, source: placeOf({ item, below: [] }, kind, object) }] : [],
    ),
    topology.services,
  )
  return { value: { ...loaded, topology, endpointSlices, podNames, realAddresses, source }, diagnostics }
}

/** Where an object that is no entry of a topology stands. */
const placeOf = ({ item }: Origin, kind: string, { metadata }: KubernetesObject): Source => ({
  ...item.document.positions.key([...item.at, 'metadata', 'name']),
  path: `${kind} ${metadata.name}`,
  file: item.file,
})

/** One warning for all kinds that mean nothing here. */
function notRead(others: ReadonlyMap<string, number>, loaded: LoadedTopology): Diagnostic {
  const list = [...others].map(([kind, n]) => (n > 1 ? `${kind} (${n})` : kind)).join(', ')
  const { line, column } = loaded.source(['manifests'])
  return {
    code: 'not-acted-upon',
    severity: 'warning',
    message: `\`manifests\` also holds what means nothing to a network and is not read: ${list}`,
    file: loaded.file,
    line,
    column,
  }
}

/** What `kubectl get` lists of pods and of what made them, once. */
function withoutRepresented(valid: readonly Valid[]): Valid[] {
  const owned = valid.map(({ kind, object: { metadata, status } }) => ({
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    owners: metadata.ownerReferences,
    isPod: kind === 'Pod' && isRunning(status),
  }))
  const others = represented(owned)
  return valid.filter((_, i) => !others.has(owned[i]!))
}

/** The value with the namespace it gets where it names none. */
function inNamespace(value: unknown, kind: Kind, namespace: string): unknown {
  if (kind === 'Namespace' || !isMapping(value) || !isMapping(value['metadata']) || 'namespace' in value['metadata']) return value
  return { ...value, metadata: { ...value['metadata'], namespace } }
}

function read({ document, file, at, value, namespace }: Item, kind: Kind, found: Diagnostic[]): KubernetesObject | undefined {
  const { schema } = READ[kind]
  const parsed = schema.safeParse(inNamespace(withoutAbsent(schema, value), kind, namespace), { error: errorMap })
  if (parsed.success) return parsed.data as KubernetesObject
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] as PropertyKey[] }))
  // Paths begin with the document; of one that was read item by item there is no value.
  const root = at.reduceRight<unknown>((inside, part) => ({ [part]: inside }), value)
  found.push(...explain(issues, root, document.positions, file))
  return undefined
}
