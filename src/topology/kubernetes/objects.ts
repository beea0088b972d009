/**
 * The objects of a manifest file, before any is checked: its documents, a stream of JSON objects as `kubectl` takes it, and
 * the items of Lists; and which of them are read.
 */
import type { Diagnostic, Path } from '../diagnostics.ts'
import { describeValue, formatPath, quote } from '../schema/format.ts'
import { suggest } from '../suggest.ts'
import { parseManifest } from '../yaml/pieces.ts'
import type { YamlDocument } from '../yaml/yaml.ts'

/** A manifest file. */
export interface ManifestText {
  readonly file: string
  readonly text: string
  /** Namespace of objects that name none; absent: `default`. */
  readonly namespace?: string
}

/** One object: a document, or an item of a List. */
export interface Item {
  readonly document: YamlDocument
  readonly file: string
  /** Where in the document. */
  readonly at: Path
  readonly value: Readonly<Record<string, unknown>>
  readonly namespace: string
}

export const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `apiVersion: v1`, `kind: List`, and typed lists such as ServiceList, which may be empty. */
function itemsOf({ kind, items = null, metadata }: Readonly<Record<string, unknown>>): readonly unknown[] | undefined {
  if (typeof kind !== 'string' || !kind.endsWith('List')) return undefined
  if (Array.isArray(items)) return items as unknown[]
  // An object of some kind that is called so has a name.
  return items === null && !(isMapping(metadata) && 'name' in metadata) ? [] : undefined
}

/** An item of a list: those of a typed one need not say again what they are. */
function itemOf(list: Readonly<Record<string, unknown>>, item: unknown): unknown {
  const kind = String(list['kind']).slice(0, -'List'.length)
  return isMapping(item) && kind !== '' ? { apiVersion: list['apiVersion'], kind, ...item } : item
}

/** The objects of a file. Complaints go to `found`. */
export function objectsOf({ file, text, namespace = 'default' }: ManifestText, found: Diagnostic[]): Item[] {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text
  const { documents, diagnostics } = parseManifest(content, file)
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
      return
    }
    const inside = itemsOf(value)
    if (!inside) {
      items.push({ document, file, at, value, namespace })
      return
    }
    inside.forEach((item, i) => visit(document, [...at, 'items', i], itemOf(value, item)))
  }
  for (const document of documents) {
    const { isEmpty, value, item } = document
    if (item) visit(document, item.at, itemOf(item.list, value))
    else if (!isEmpty && value !== null) visit(document, [], value)
  }
  return items
}

/** Kinds that are read, with the one version each. */
type Versions<K extends string> = Readonly<Record<K, { readonly version: string }>>

/** Groups that today's kinds once were in. */
const OLD_GROUPS = new Set(['extensions', 'apps', 'batch', 'networking.k8s.io', 'discovery.k8s.io', 'core'])

/**
 * What an object is, if it is read.
 * @param others how many there are of each kind that is not
 */
export function kindOf<K extends string>(
  { document, file, at, value }: Item,
  read: Versions<K>,
  found: Diagnostic[],
  others: Map<string, number>,
): K | undefined {
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
  const isRead = (name: string): name is K => Object.hasOwn(read, name)
  if (typeof kind !== 'string' || kind === '')
    fail('kind', 'missing-key', '`kind` is missing', 'a Kubernetes object says what it is: `kind: Service`')
  else if (typeof apiVersion !== 'string' || apiVersion === '')
    fail('apiVersion', 'missing-key', '`apiVersion` is missing', `add \`apiVersion: ${isRead(kind) ? read[kind].version : 'v1'}\``)
  else if (!isRead(kind)) {
    const meant = Object.keys(read).find((k) => k.toLowerCase() === kind.toLowerCase())
    if (meant !== undefined) fail('kind', 'unknown-kind', `unknown kind ${quote(kind)}`, `did you mean \`${meant}\`?`)
    else others.set(kind, (others.get(kind) ?? 0) + 1)
  } else if (read[kind].version !== apiVersion) {
    const { version } = read[kind]
    const isOther = apiVersion.includes('/') && apiVersion.split('/')[0] !== version.split('/')[0] && !suggest(apiVersion, [version])
    // A kind of another group that happens to be called so (a Knative Service) is none of ours.
    if (isOther && !OLD_GROUPS.has(apiVersion.split('/')[0]!))
      others.set(`${kind} of ${apiVersion}`, (others.get(`${kind} of ${apiVersion}`) ?? 0) + 1)
    else fail('apiVersion', 'unknown-version', `there is no ${kind} in ${quote(apiVersion)}`, `write \`apiVersion: ${version}\``)
  } else return kind
  return undefined
}
