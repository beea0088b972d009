/** Every source of promises, in the order their checks are reported. */
import { expectations } from './expectations/expectations.ts'
import { model } from './model/model.ts'
import { policies } from './policies/policies.ts'
import type { Promises } from './promises.ts'
import { services } from './services/services.ts'

export const sources: readonly Promises[] = [model, policies, services, expectations]
