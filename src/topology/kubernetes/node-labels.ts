/**
 * Labels that a kubelet gives its node by itself
 * (https://kubernetes.io/docs/reference/node/node-labels/), so that a `nodeSelector` finds them here too.
 */
export type Labels = Readonly<Record<string, string>>

/** The stable label that each deprecated one repeats. */
const BETA: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
}

/**
 * A host's labels: those of a kubelet, and those that the topology declares, which win. The architecture is amd64
 * whatever this machine is, because the same file makes the same lab everywhere.
 */
export function nodeLabels(name: string, declared: Labels): Labels {
  const stable: Labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...declared }
  return { ...stable, ...Object.fromEntries(Object.entries(BETA).map(([beta, of]) => [beta, stable[of]!])), ...declared }
}

export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
