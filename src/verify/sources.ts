/** Every source of promises, in the order their checks are reported. */
import { model } from './model.ts'
import type { Promises } from './promises.ts'

export const sources: readonly Promises[] = [model]
