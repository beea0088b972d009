/** The format as JSON Schema (draft-07, which the YAML language server speaks), for editors and for the reference. */
import * as z from 'zod'
import { topologySchema, type KnownModules } from './schema.ts'

/** The keywords zod writes and the reference reads. */
export interface JsonSchema {
  title?: string
  description?: string
  type?: string | string[]
  default?: unknown
  const?: string | number | boolean | null
  enum?: unknown[]
  /** Values that count as left out. */
  unset?: unknown[]
  minimum?: number
  maximum?: number
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean | JsonSchema
  propertyNames?: JsonSchema
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  definitions?: Record<string, JsonSchema>
  $ref?: string
  [keyword: string]: unknown
}

/** What the author of a topology may write: defaults are not required, and short forms are there. */
export function jsonSchema(modules: KnownModules): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(topologySchema(modules), {
    target: 'draft-07',
    io: 'input',
    override: ({ jsonSchema }) => putFirst(jsonSchema as JsonSchema, 'type'),
  }) as JsonSchema
  const head = { $id: 'urn:netlab:topology', title: 'netlab topology', description: 'A container network, for `netlab up`.' }
  return { $schema, ...head, ...schema }
}

/** The JSON Schema as the text of a file, for editors: with what counts as left out in Kubernetes' own objects. */
export function jsonSchemaText(modules: KnownModules): string {
  const schema = jsonSchema(modules)
  for (const definition of Object.values(schema.definitions ?? {})) allowAbsent(definition)
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** Lets fields that may be left out be `null`, and those without a pointer in Go "" or 0. */
function allowAbsent(schema: JsonSchema): void {
  for (const [key, { description, default: standard, unset, ...property }] of Object.entries(schema.properties ?? {})) {
    allowAbsent(property)
    const about = { ...(description === undefined ? {} : { description }), ...(standard === undefined ? {} : { default: standard }) }
    const zero = unset ? [{ enum: unset }] : []
    schema.properties![key] = schema.required?.includes(key)
      ? { ...property, ...about }
      : { ...about, anyOf: [property, ...zero, { type: 'null' }] }
  }
  for (const one of [...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])]) allowAbsent(one)
}

/** Editors offer keys, and the reference lists them, in this order: what a thing is comes before its options. */
function putFirst(schema: JsonSchema, key: string): void {
  const first = schema.properties?.[key]
  if (first) schema.properties = { [key]: first, ...schema.properties }
}
