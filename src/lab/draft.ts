/** A host on its way to being resolved. */
import type { Family } from '../topology/address.ts'
import type { HostSpec } from '../topology/schema/schema.ts'
import type { SegmentPlan } from './addressing/networks.ts'
import type { Path } from '../topology/diagnostics.ts'

export interface Draft {
  readonly name: string
  readonly spec: HostSpec
  readonly path: Path
  readonly index: number
  readonly segment: SegmentPlan
}

/** The value of this family that the file pins. Replicas cannot have one: that is reported by {@link plug}. */
export const pinned = ({ spec }: Draft, field: 'address' | 'podCIDR', family: Family): string | undefined =>
  spec.replicas === undefined ? spec[field]?.find((text) => text.includes(':') === (family === 6)) : undefined
