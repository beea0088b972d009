/** Every source of promises, in the order their checks are reported. */
import { expectations } from './checks/expectations/expectations.ts'
import { model } from './checks/model/model.ts'
import { policies } from './checks/policies/policies.ts'
import type { CheckSource } from './check-source.ts'
import { hostPorts } from './checks/services/host-ports.ts'
import { services } from './checks/services/services.ts'

export const sources: readonly CheckSource[] = [model, policies, services, hostPorts, expectations]
