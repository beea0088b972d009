/** Every backend a topology can name. A new one: one file, one line here, one page in docs/. */
import type { ModuleChoice } from '../topology/schema/schema.ts'
import type { Backend, BackendModule } from './backend.ts'
import { directModule } from './direct.ts'
import { greModule } from './gre.ts'
import { ipipModule } from './ipip.ts'
import { vxlanModule } from './vxlan.ts'

export const backends: Readonly<Record<string, BackendModule>> = {
  vxlan: vxlanModule,
  gre: greModule,
  ipip: ipipModule,
  direct: directModule,
}

/** Options schemas by name, for the topology schema. */
export const backendSchemas = Object.fromEntries(Object.entries(backends).map(([name, m]) => [name, m.options]))

/** The backend a validated topology chose. */
export function backendOf(choice: ModuleChoice): Backend {
  return backends[choice.type]!.create(choice)
}
