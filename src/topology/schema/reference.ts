/** The reference of the topology format, written from the JSON Schema. */
import type { JsonSchema } from './json-schema.ts'

const INTRO = `<!-- Generated from the schema by scripts/generate.ts: do not edit, run \`npm run generate\`. -->

# Topology reference

One YAML file describes one lab. Only \`hosts\` and \`pods\` are required; this is a whole lab:

\`\`\`yaml
# yaml-language-server: $schema=./topology.schema.json
network:
  backend: vxlan
hosts:
  node-1: {}
  node-2: {}
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2, labels: { app: web } }
  load: { replicas: 3 }
\`\`\`

YAML 1.2 holds: only \`true\` and \`false\` are truth values, and a text that looks like a number or a truth
value is quoted (\`version: "1.10"\`). Anchors, aliases and merge keys (\`<<: *base\`) work. Where one value or
one per family is allowed, a list of an IPv4 and an IPv6 value makes it dual stack.
`

interface Section {
  readonly title: string
  /** What the paths of its keys begin with. */
  readonly path: string
  readonly schema: JsonSchema
}

/** The reference as Markdown: a table for each object, those of the top level first, Kubernetes' shared ones last. */
export function referenceMarkdown(schema: JsonSchema): string {
  const sections: Section[] = [{ title: 'Top level', path: '', schema }]
  const text: string[] = [INTRO]
  for (const section of sections) text.push(table(section, sections)) // grows while it is read
  for (const [name, definition] of Object.entries(schema.definitions ?? {})) {
    const section: Section[] = [{ title: name, path: `${name}.`, schema: definition }]
    for (const each of section) text.push(table(each, section))
  }
  return text.join('\n')
}

function table({ title, path, schema }: Section, sections: Section[]): string {
  const found: Section[] = []
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const type = typeText(property, `${path}${key}`, found)
    const standard = schema.required?.includes(key) ? '**required**' : defaultText(property)
    return `| \`${key}\` | ${type} | ${standard} | ${cell(property.description ?? '')} |`
  })
  // What belongs to a section follows it, before its siblings.
  const at = sections.findIndex((section) => section.schema === schema)
  sections.splice(at + 1, 0, ...found)
  const about = schema.description && path !== '' ? `${schema.description}\n\n` : ''
  return `## ${title}\n\n${about}| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

/** A type in a few words. Objects become a section of their own, collected in `found`, and a link to it. */
function typeText(schema: JsonSchema, path: string, found: Section[]): string {
  const { type, properties, additionalProperties, items, propertyNames } = schema
  if (schema.$ref) return linkTo(schema.$ref.split('/').at(-1)!)
  const union = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (union) return unionText(union.map((one) => typeText(one, path, found)))
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (properties) {
    const variant = properties['type']?.const
    const title = variant === undefined ? path : `${path} (${String(variant)})`
    if (variant !== undefined && Object.keys(properties).length === 1) return `\`{ type: ${String(variant)} }\``
    found.push({ title, path: `${path}.`, schema })
    return linkTo(title)
  }
  if (type === 'object' && typeof additionalProperties === 'object') {
    const key = propertyNames?.title ?? 'key'
    return `mapping of ${key} to ${typeText(additionalProperties, `${path}.NAME`, found)}`
  }
  if (type === 'array' && items) return `list of ${typeText(items, `${path}[]`, found)}`
  if (type === 'integer') return `integer${range(schema)}`
  if (type === 'boolean') return '`true`, `false`'
  return schema.title ?? 'text'
}

/** `CIDR, or a list` where a value stands for a list of one. */
function unionText(types: readonly string[]): string {
  const [one, many] = types
  return types.length === 2 && many === `list of ${one}` ? `${one}, or a list` : [...new Set(types)].join(' or ')
}

function range({ minimum, maximum }: JsonSchema): string {
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  return minimum !== undefined && isBounded ? ` ${minimum}–${maximum}` : ''
}

/** A default as one would write it. An empty one says nothing. */
function defaultText({ default: value }: JsonSchema): string {
  if (value === undefined) return ''
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return isEmpty ? '' : `\`${flow(value)}\``
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${flow(item)}`)
  return `{ ${entries.join(', ')} }`
}

/** A heading of the same file, by the anchor GitHub gives it. */
function linkTo(title: string): string {
  const anchor = title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
  return `[${title.replaceAll(/[[\]]/g, '\\$&')}](#${anchor})`
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
