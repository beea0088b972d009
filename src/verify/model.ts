/** The invariants of the container network model, as promises about a running lab. */
import { controlListeners, judgePaths, pathQuestions } from './model-paths.ts'
import type { Promises } from './promises.ts'

export const model: Promises = {
  group: 'model',
  listening: controlListeners,
  questions: (scene) => [...pathQuestions(scene)],
  judge: (scene, evidence) => ({ checks: [...judgePaths(scene, evidence)] }),
}
