/** Every way to make Services answer. A new one: one file, one line here, one page in docs/. */
import type { Lab } from '../model/lab.ts'
import { iptablesModule } from './iptables.ts'
import type { ServiceModule, ServiceProxy } from './service.ts'

const serviceModules: Readonly<Record<string, ServiceModule>> = {
  iptables: iptablesModule,
}

/** The module a lab uses. There is one to choose from so far. */
export const servicesOf = (_lab: Lab): ServiceProxy => serviceModules['iptables']!.create()
