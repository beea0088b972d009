/** Which paths are measured in which lab, and why others are not. Pure. */
import type { Lab } from '../lab/lab.ts'
import { policyModuleOf } from '../policy/index.ts'
import { endsIn, farPath, podPaths, servicePath, type BenchPath, type PathId, type Paths, type Unmeasured } from './paths.ts'
import { benchEnds, POLICIES, SERVICE } from './topology.ts'

const underPolicies = (n: number): PathId => `policies-${n}`

/** That nothing is encrypted, where no path is and there is one to another host. */
function unencrypted(paths: readonly BenchPath[], lab: Lab): Unmeasured[] {
  if (paths.some((p) => p.encrypted) || !paths.some((p) => p.id === 'other-host')) return []
  return [{ id: 'encrypted', reason: `${lab.backend.type} does not encrypt what it sends to other hosts` }]
}

/** Paths between the pods of a running lab, as it is; undefined: it has no pods. */
export function runningPaths(lab: Lab): Paths | undefined {
  const ends = endsIn(lab)
  if (!ends) return undefined
  const { paths, unmeasured } = podPaths(lab, ends)
  const reason = 'not measured in a running lab: netlab bench FILE measures it in labs of its own'
  const elsewhere = (['service', ...POLICIES.map(underPolicies)] as const).map((id) => ({ id, reason }))
  return { paths, unmeasured: [...unmeasured, ...elsewhere, ...unencrypted(paths, lab)] }
}

/** Numbers of policies of the labs that are built for a topology: none, and many where something enforces them on the way to another host. */
export const policyNumbers = (lab: Lab): readonly number[] =>
  policyModuleOf(lab).enforces && lab.hosts.length > 1 ? [0, ...POLICIES] : [0]

/** Paths of the labs that were built for a topology, by their numbers of policies. */
export function filePaths(labs: ReadonlyMap<number, Lab>): Paths {
  const lab = labs.get(0)!
  const ends = benchEnds(lab)
  const { paths, unmeasured } = podPaths(lab, ends)
  const through = servicePath(lab, ends, SERVICE)
  const measured = [...paths, ...(through ? [through] : [])]
  const without: Unmeasured[] = [...unmeasured]
  if (!through) without.push({ id: 'service', reason: 'no Service of this lab has an address that its pods speak' })
  for (const n of POLICIES) {
    const policed = labs.get(n)
    const { client, far } = policed ? benchEnds(policed) : ends
    if (policed && far) measured.push(farPath(policed, client, far, underPolicies(n), `, ${n} policies`))
    else without.push({ id: underPolicies(n), reason: far ? 'nothing enforces policies in this lab' : 'the lab has one host' })
  }
  return { paths: measured, unmeasured: [...without, ...unencrypted(measured, lab)] }
}
