/** What every Kubernetes object has, and how fields are treated that mean nothing to a network. */
import * as z from 'zod'
import { unset } from '../schema/absent.ts'
import { label, labels, subdomain } from '../schema/scalars.ts'

/** Fields that exist and are passed over. A field in none of the lists is a mistake, as for `kubectl apply`. */
export const ignored = (names: string): Record<string, z.ZodOptional<z.ZodUnknown>> =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, z.unknown().optional()]))

const about = ignored(
  'annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName generation managedFields resourceVersion selfLink uid',
)

const metaWith = (name: z.ZodString) =>
  z.strictObject({
    name: name.describe('Name of the object.'),
    namespace: unset(label.default('default').describe('Namespace it lives in.'), ''),
    labels,
    ownerReferences: z
      .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .default([])
      .describe('What made it.'),
    ...about,
  })

/** Of nearly everything: names are DNS subdomains. */
export const meta = metaWith(subdomain)
/** Of Services and Namespaces: names are DNS labels. */
export const labelMeta = metaWith(label)

/** Of a pod template: it has no name of its own. */
export const templateMeta = z.strictObject({ labels, ...ignored('name namespace ownerReferences'), ...about }).prefault({})

export const typed = { apiVersion: z.string(), kind: z.string(), status: z.unknown().optional() }
