/** Every attach module a topology can name. A new one: one file, one line here, one page in docs/. The first is the default. */
import type { HidingOf } from '../lab/services/host-ports.ts'
import type { ModuleChoice } from '../topology/schema/schema.ts'
import type { Attach, AttachModule } from './attach.ts'
import { bridgeModule } from './bridge.ts'
import { routedModule } from './routed.ts'

export const attachModules: Readonly<Record<string, AttachModule>> = {
  bridge: bridgeModule,
  routed: routedModule,
}

const created = new WeakMap<ModuleChoice, Attach>()

/** The attach module a validated topology chose. */
export function attachOf(choice: ModuleChoice): Attach {
  let attach = created.get(choice)
  if (!attach) created.set(choice, (attach = attachModules[choice.type]!.create(choice)))
  return attach
}

/** Whom pods see behind ports of their hosts. */
export const hidingOf: HidingOf = (lab) => attachOf(lab.attach).hostPorts.hiding
