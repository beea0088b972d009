/** A topology as it was read. Types only. */
import type { Path, Source } from './diagnostics.ts'
import type { EndpointSlice } from './kubernetes/endpoint-slice.ts'
import type { ChosenPreset } from './preset.ts'
import type { Topology } from './schema/schema.ts'

/** Names of pods that manifests brought. Entries of `pods` by their keys. */
export interface PodNames {
  /** What names begin with where a controller makes them up, where Kubernetes adds five random characters: `shop/web-`. */
  readonly bases: ReadonlyMap<string, string>
  /** Names that other objects of manifests have. */
  readonly fixed: ReadonlySet<string>
}

export interface LoadedTopology {
  readonly topology: Topology
  readonly file: string
  /** The text the positions count in, for code frames. */
  readonly text: string
  /** Whether the backend has the underlay's router do something, so that there must be one. */
  readonly needsRouter: boolean
  /** What the attach module was told to call a host's end of a pod's link; absent, or undefined: it was told nothing. */
  readonly interfaceOf?: (pod: { readonly namespace: string; readonly name: string }) => string | undefined
  /** Absent: the file names none. */
  readonly preset?: ChosenPreset
  /** Those that manifests brought, once these have been read: a topology cannot say them itself. */
  readonly endpointSlices?: readonly EndpointSlice[]
  readonly podNames?: PodNames
  /** Addresses that pods of manifests had in their cluster, by the keys of `pods`. */
  readonly realAddresses?: ReadonlyMap<string, readonly string[]>
  /** Where a value stands: its key, or the list item. A default is where its nearest written ancestor is. */
  readonly source: (path: Path) => Source
}
