/**
 * What counts as left out in a Kubernetes object. The API server decodes `null` as an absent field, and where Go's type
 * of a field is no pointer it cannot tell "" or 0 from nothing either, so that the default applies
 * (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#optional-vs-required).
 * What is absent is taken away before a schema sees the value: items of lists and values of labels are no fields, and
 * stay what they are.
 */
import * as z from 'zod'

/** A field whose zero values count as absent: no pointer in Kubernetes' Go types. */
export const unset = <T extends z.ZodType>(schema: T, ...zeros: readonly ('' | 0)[]): T => schema.meta({ ...schema.meta(), unset: zeros })

type Mapping = Readonly<Record<string, unknown>>

const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a schema wraps with a default, or makes optional. */
function inner(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return inner(schema.def.innerType)
  return schema
}

/** The value without fields that count as absent, as far as the schema knows them. The value itself is left alone. */
export function withoutAbsent(schema: unknown, value: unknown): unknown {
  const known = inner(schema)
  if (known instanceof z.ZodArray && Array.isArray(value)) return changed(value, (item) => withoutAbsent(known.element, item))
  if (known instanceof z.ZodRecord && isMapping(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutAbsent(known.valueType, item)]))
  }
  if (!(known instanceof z.ZodObject) || !isMapping(value)) return value
  const shape: Readonly<Record<string, z.ZodType>> = known.shape
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      if (!Object.hasOwn(shape, key)) return [[key, item]]
      return isAbsent(shape[key]!, item) ? [] : [[key, withoutAbsent(shape[key], item)]]
    }),
  )
}

function isAbsent(field: z.ZodType, value: unknown): boolean {
  if (value !== '' && value !== 0) return value === null
  const zeros = field.meta()?.['unset']
  return Array.isArray(zeros) && zeros.includes(value)
}

/** A list of the same items stays the same list: a large file repeats them by aliases. */
function changed(list: readonly unknown[], change: (item: unknown) => unknown): readonly unknown[] {
  const made = list.map(change)
  return made.every((item, i) => item === list[i]) ? list : made
}
