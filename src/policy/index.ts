/** Every policy module. A new one: one folder, one line here, one section in docs/. */
import type { Lab } from '../lab/lab.ts'
import { iptables } from './iptables/iptables.ts'
import type { PolicyModule } from './policy.ts'

/** @public */
const policyModules: Readonly<Record<string, PolicyModule>> = { iptables }

/** Options schemas by name, for the topology schema. */
export const policySchemas = Object.fromEntries(Object.entries(policyModules).map(([name, m]) => [name, m.options]))

/** The module that enforces a lab's policies. */
export const policyModuleOf = (lab?: Lab): PolicyModule => policyModules[lab?.modules?.policy.type ?? 'iptables']!
