/** Every way to make Services answer. A new one: one folder, one line here, one section in docs/. */
import type { Lab } from '../lab/lab.ts'
import { iptablesModule } from './iptables/iptables.ts'
import type { ServiceModule, ServiceProxy } from './service.ts'

export const serviceModules: Readonly<Record<string, ServiceModule>> = {
  iptables: iptablesModule,
}

/** The module a lab chose. */
export function servicesOf({ modules }: Lab): ServiceProxy {
  const choice = modules?.services ?? { type: 'iptables' }
  return serviceModules[choice.type]!.create(choice)
}
