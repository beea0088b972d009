/** Every way to make Services answer. A new one: one folder, one line here, one section in docs/. */
import type { Lab } from '../lab/lab.ts'
import { iptablesModule } from './iptables/iptables.ts'
import type { ServiceModule, ServiceProxy } from './service.ts'

/** @public */
const serviceModules: Readonly<Record<string, ServiceModule>> = {
  iptables: iptablesModule,
}

/** Options schemas by name, for the topology schema. */
export const serviceSchemas = Object.fromEntries(Object.entries(serviceModules).map(([name, m]) => [name, m.options]))

/** The module a lab chose. */
export function servicesOf({ modules }: Lab): ServiceProxy {
  const choice = modules?.services ?? { type: 'iptables' }
  return serviceModules[choice.type]!.create(choice)
}
