/**
 * `kubectl get -o yaml` lists a Deployment, the ReplicaSet it made and that one's Pods, all of which are the same pods.
 * Objects name their controller (`metadata.ownerReferences`,
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/).
 */

export interface Owner {
  readonly kind: string
  readonly name: string
  readonly controller?: boolean | undefined
}

/** An object and its controller. */
export interface Owned {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly owners: readonly Owner[]
  /** A pod that runs: its controller made it. */
  readonly isPod: boolean
}

const idOf = (kind: string, namespace: string, name: string): string => `${kind} ${namespace}/${name}`

/** Objects that others stand for: what a controller among them made, unless it is a pod, and controllers whose pods are among them. */
export function represented<T extends Owned>(objects: readonly T[]): ReadonlySet<T> {
  const known = new Map(objects.map((o) => [idOf(o.kind, o.namespace, o.name), o]))
  const controllerOf = ({ owners, namespace }: Owned): T | undefined => {
    const owner = owners.find((o) => o.controller === true) ?? owners[0]
    return owner && known.get(idOf(owner.kind, namespace, owner.name))
  }
  const made = new Set<T>()
  const withPods = new Set<T>()
  for (const object of objects) {
    let above = controllerOf(object)
    if (!object.isPod && above && above !== object) made.add(object)
    // A controller that was met before has led here already.
    for (; object.isPod && above && !withPods.has(above); above = controllerOf(above)) withPods.add(above)
  }
  return new Set([...made, ...withPods])
}
