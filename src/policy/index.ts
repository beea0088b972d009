/** Every policy module. A new one: one folder, one line here, one section in docs/. */
import type { Lab } from '../lab/lab.ts'
import { policiesOf } from '../lab/policy/policies.ts'
import { plural } from '../plural.ts'
import { iptables } from './iptables/iptables.ts'
import { none } from './none/none.ts'
import type { PolicyModule } from './policy.ts'

export const policyModules: Readonly<Record<string, PolicyModule>> = { iptables, none }

/** The module that enforces a lab's policies. */
export const policyModuleOf = (lab?: Lab): PolicyModule => policyModules[lab?.modules?.policy.type ?? 'iptables']!

const enforcedLabs = new WeakMap<Lab, Lab>()

/** The lab as its policies are enforced: itself, or the same without any where nothing enforces them. */
export function enforcedLab(lab: Lab): Lab {
  if (policyModuleOf(lab).enforces || Object.keys(lab.policies).length === 0) return lab
  let found = enforcedLabs.get(lab)
  if (!found) enforcedLabs.set(lab, (found = { ...lab, policies: {} }))
  return found
}

/** Says that nothing enforces the lab's policies: `nothing enforces 2 policies: network.policy is …`; undefined: they are, or there are none. */
export function unenforcedText(lab: Lab): string | undefined {
  if (enforcedLab(lab) === lab) return undefined
  return `nothing enforces ${plural(policiesOf(lab).length, 'policy')}: network.policy is ${lab.modules?.policy.type}`
}
