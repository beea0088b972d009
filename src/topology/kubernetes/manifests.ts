/**
 * Genuine Kubernetes objects become part of a topology: the texts of manifests are validated as an API server would,
 * object by object, and merged into what the topology says. What is said of them later (an address that is
 * taken, a policy that drops a packet) names the manifest's own file and line.
 *
 * Pods of a Deployment or ReplicaSet `web` are called web-1, web-2, … (a cluster would draw lots), of a StatefulSet
 * web-0, web-1, …, and a DaemonSet has one called web-<host> on every host.
 */
import { byPosition, hasErrors, type Diagnostic, type Outcome, type Path, type Source } from '../diagnostics.ts'
import { withoutAbsent } from '../schema/absent.ts'
import { errorMap, explain } from '../schema/explain.ts'
import type { LoadedTopology } from '../loaded.ts'
import { Merge, type Origin } from './manifests-merge.ts'
import { ENDPOINT_SLICE, endpointSlice, type EndpointSlice } from './endpoint-slice.ts'
import { KINDS } from './workloads.ts'
import { suggest } from '../suggest.ts'
import { describeValue, formatPath, quote } from '../schema/format.ts'
import { parseYaml, type YamlDocument } from '../yaml/yaml.ts'

/** A manifest file. */
export interface ManifestText {
  readonly file: string
  readonly text: string
}

const READ = { ...KINDS, EndpointSlice: ENDPOINT_SLICE }
type Kind = keyof typeof READ

/** One object: a document, or an item of a List. */
interface Item {
  readonly document: YamlDocument
  readonly file: string
  /** Where in the document. */
  readonly at: Path
  readonly value: Record<string, unknown>
}

/** The topology with the objects of these manifests in it. Pure. */
export function mergeManifests(loaded: LoadedTopology, manifests: readonly ManifestText[]): Outcome<LoadedTopology> {
  const diagnostics: Diagnostic[] = []
  const others = new Map<string, number>()
  const merge = new Merge(loaded, diagnostics)
  const slices: EndpointSlice[] = []
  for (const { file, text } of manifests) {
    const found: Diagnostic[] = []
    for (const item of objects(file, text.startsWith('\uFEFF') ? text.slice(1) : text, found)) {
      const kind = kindOf(item, found, others)
      if (kind) read(item, kind, merge, slices, found)
    }
    diagnostics.push(...found.sort(byPosition))
  }
  if (others.size > 0) {
    const list = [...others].map(([kind, n]) => (n > 1 ? `${kind} (${n})` : kind)).join(', ')
    const { line, column } = loaded.source(['manifests'])
    diagnostics.push({
      code: 'not-acted-upon',
      severity: 'warning',
      message: `\`manifests\` also holds what means nothing to a network and is not read: ${list}`,
      file: loaded.file,
      line,
      column,
    })
  }
  if (hasErrors(diagnostics)) return { diagnostics }
  const origins = merge.origins
  const source = (path: Path): Source => {
    const origin = origins.get(`${path[0]}\0${path[1]}`)
    if (!origin) return loaded.source(path)
    const rest = path.slice(2).map((part) => origin.renamed?.[part] ?? part)
    // A whole object is where its name is.
    const below = rest.length === 0 ? ['metadata', 'name'] : [...origin.below, ...rest]
    return { ...origin.item.document.positions.key([...origin.item.at, ...below]), path: formatPath(path), file: origin.item.file }
  }
  return { value: { ...loaded, topology: merge.topology(), endpointSlices: slices, source }, diagnostics }
}

/** The objects of a file: its documents, and the items of Lists in them. */
function objects(file: string, text: string, found: Diagnostic[]): Item[] {
  const { documents, diagnostics } = parseYaml(text, file)
  found.push(...diagnostics)
  const items: Item[] = []
  const visit = (document: YamlDocument, at: Path, value: unknown): void => {
    if (!isMapping(value)) {
      const place = at.length > 0 ? document.positions.value(at) : document
      found.push({
        code: 'wrong-type',
        severity: 'error',
        message: `expected a Kubernetes object, found ${describeValue(value)}`,
        file,
        line: place.line,
        column: place.column,
        hint: 'an object has `apiVersion`, `kind` and `metadata`',
      })
    } else if (typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items'] ?? [])) {
      const kind = value['kind'].slice(0, -'List'.length)
      // Items of a typed list (ServiceList) need not say again what they are.
      ;((value['items'] ?? []) as readonly unknown[]).forEach((item, i) =>
        visit(document, [...at, 'items', i], isMapping(item) && kind !== '' ? { apiVersion: value['apiVersion'], kind, ...item } : item),
      )
    } else items.push({ document, file, at, value })
  }
  for (const document of documents) if (!document.isEmpty && document.value !== null) visit(document, [], document.value)
  return items
}

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What an object is, if it is read. */
function kindOf({ document, file, at, value }: Item, found: Diagnostic[], others: Map<string, number>): Kind | undefined {
  const { kind, apiVersion } = value
  const fail = (key: string, code: string, message: string, hint: string): void =>
    void found.push({
      code,
      severity: 'error',
      message: at.length > 0 ? `${formatPath(at)}: ${message}` : message,
      file,
      ...document.positions.value([...at, key]),
      hint,
    })
  if (typeof kind !== 'string' || kind === '')
    fail('kind', 'missing-key', '`kind` is missing', 'a Kubernetes object says what it is: `kind: Service`')
  else if (typeof apiVersion !== 'string' || apiVersion === '')
    fail(
      'apiVersion',
      'missing-key',
      '`apiVersion` is missing',
      `add \`apiVersion: ${Object.hasOwn(READ, kind) ? READ[kind as Kind].version : 'v1'}\``,
    )
  else if (!Object.hasOwn(READ, kind)) {
    const meant = Object.keys(READ).find((k) => k.toLowerCase() === kind.toLowerCase())
    if (meant) fail('kind', 'unknown-kind', `unknown kind ${quote(kind)}`, `did you mean \`${meant}\`?`)
    else others.set(kind, (others.get(kind) ?? 0) + 1)
  } else if (READ[kind as Kind].version !== apiVersion) {
    const { version } = READ[kind as Kind]
    const isOther = apiVersion.includes('/') && apiVersion.split('/')[0] !== version.split('/')[0] && !suggest(apiVersion, [version])
    // A kind of another group that happens to be called so (a Knative Service) is none of ours.
    if (isOther && !OLD_GROUPS.has(apiVersion.split('/')[0]!))
      others.set(`${kind} of ${apiVersion}`, (others.get(`${kind} of ${apiVersion}`) ?? 0) + 1)
    else fail('apiVersion', 'unknown-version', `there is no ${kind} in ${quote(apiVersion)}`, `write \`apiVersion: ${version}\``)
  } else return kind as Kind
  return undefined
}

/** Groups that today's kinds once were in. */
const OLD_GROUPS = new Set(['extensions', 'apps', 'networking.k8s.io', 'discovery.k8s.io', 'core'])

function read(item: Item, kind: Kind, merge: Merge, slices: EndpointSlice[], found: Diagnostic[]): void {
  const { document, file, at } = item
  const parsed = READ[kind].schema.safeParse(withoutAbsent(READ[kind].schema, item.value), { error: errorMap })
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [...at, ...issue.path] as PropertyKey[] }))
    found.push(...explain(issues, document.value, document.positions, file))
    return
  }
  const origin: Origin = { item, below: [] }
  if (kind !== 'EndpointSlice') {
    merge.add(kind, parsed.data as never, origin)
    return
  }
  const slice = endpointSlice(parsed.data as never, {
    ...document.positions.key([...at, 'metadata', 'name']),
    path: `EndpointSlice ${(parsed.data as { metadata: { name: string } }).metadata.name}`,
    file,
  })
  if (slice) slices.push(slice)
}
