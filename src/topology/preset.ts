/**
 * Presets: a real system by name fills in what a topology leaves out. This happens before anything is checked, so that what a preset
 * says is checked, completed and explained as if the file said it.
 */
import type { Path } from './diagnostics.ts'

type Mapping = Readonly<Record<string, unknown>>

/** What a real system chooses. */
export interface Preset {
  /** One line for the docs. */
  readonly summary: string
  /** Keys of `network`; those of modules with `type`. */
  readonly network: Mapping
  /** Keys of `underlay`, where it needs a certain one. */
  readonly underlay?: Mapping
}

/** What a preset chose for a lab: its name, and the keys it filled in with their values. */
export interface ChosenPreset {
  readonly name: string
  /** By the names of keys, such as `backend` and `segments`: what the file left to the preset. */
  readonly filled: Mapping
}

const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is written of one key, completed; undefined: it is left as it is written. */
function completed(written: unknown, standard: unknown): { readonly whole: unknown; readonly filled: unknown } | undefined {
  if (written === undefined) return { whole: standard, filled: standard }
  // Options without a type, or of the type that the preset names, are those of its module.
  if (!isMapping(written) || !isMapping(standard) || !('type' in standard)) return undefined
  if (written['type'] !== undefined && written['type'] !== standard['type']) return undefined
  const filled = Object.fromEntries(Object.entries(standard).filter(([key]) => !Object.hasOwn(written, key)))
  return Object.keys(filled).length === 0 ? undefined : { whole: { ...standard, ...written }, filled }
}

/** A topology's value with what its preset fills in, and the paths that came of that. Untouched without a preset, or with an unknown one. */
export function fillIn(
  value: Mapping,
  presets: Readonly<Record<string, Preset>>,
): { readonly value: Mapping; readonly chosen?: ChosenPreset; readonly isFilled: (path: Path) => boolean } {
  const network = value['network']
  const name = isMapping(network) ? network['preset'] : undefined
  if (typeof name !== 'string' || !Object.hasOwn(presets, name)) return { value, isFilled: () => false }
  const preset = presets[name]!
  const filled: Record<string, unknown> = {}
  const paths = new Set<string>()
  const sections: Record<string, unknown> = {}
  for (const section of ['network', 'underlay'] as const) {
    const written = value[section] ?? {}
    if (!isMapping(written)) continue
    const whole: Record<string, unknown> = { ...written }
    for (const [key, standard] of Object.entries(preset[section] ?? {})) {
      const made = completed(written[key], standard)
      if (!made) continue
      whole[key] = made.whole
      filled[key] = made.filled
      if (written[key] === undefined) paths.add(`${section}.${key}`)
    }
    if (section === 'network' || Object.keys(whole).length > 0) sections[section] = whole
  }
  return {
    value: { ...value, ...sections },
    chosen: { name, filled },
    isFilled: (path) => paths.has(path.slice(0, 2).join('.')),
  }
}
