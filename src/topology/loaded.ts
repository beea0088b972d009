/** A topology as it was read. Types only. */
import type { Path, Source } from './diagnostics.ts'
import type { EndpointSlice } from './kubernetes/endpoint-slice.ts'
import type { Topology } from './schema/schema.ts'

export interface LoadedTopology {
  readonly topology: Topology
  readonly file: string
  /** The text the positions count in, for code frames. */
  readonly text: string
  /** Those that manifests brought, once these have been read: a topology cannot say them itself. */
  readonly endpointSlices?: readonly EndpointSlice[]
  /** Where a value stands: its key, or the list item. A default is where its nearest written ancestor is. */
  readonly source: (path: Path) => Source
}
