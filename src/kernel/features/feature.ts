/** Every feature that some kind of object or type of device needs of the kernel. */
import { KINDS } from '../kinds/index.ts'
import type { ObjectKind } from '../kinds/kind.ts'
import type { FeatureDefinition } from './definition.ts'

type FeatureOf<K> = K extends { readonly features?: readonly FeatureDefinition<infer F>[] } ? F : never
/** The name of a feature. */
export type Feature = FeatureOf<(typeof KINDS)[number]>

/** In the order in which they are tried and shown. */
export const FEATURES = KINDS.flatMap(
  (k) => (k as unknown as Pick<ObjectKind<never, Feature>, 'features'>).features ?? [],
) as readonly FeatureDefinition<Feature>[]

const BY_NAME = new Map(FEATURES.map((f) => [f.name, f]))

/** All that is known about a feature. */
export const featureOf = (name: Feature): FeatureDefinition<Feature> => BY_NAME.get(name)!
