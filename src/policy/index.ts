/** Every policy module. A new one: one file, one line here, one page in docs/. */
import { iptables } from './iptables.ts'
import type { PolicyModule } from './policy.ts'

/** @public */
export const policyModules: Readonly<Record<string, PolicyModule>> = { iptables }

/** The module that enforces a lab's policies. There is one to choose from. */
export const policyModuleOf = (): PolicyModule => policyModules['iptables']!
