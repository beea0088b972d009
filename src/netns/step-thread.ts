/** The program of a thread: does the steps that it is sent (step-threads.ts). */
import { parentPort } from 'node:worker_threads'
import { doSteps } from './own-steps.ts'
import type { ThreadJob } from './step-threads.ts'

parentPort!.on('message', (jobs: readonly ThreadJob[]) => {
  const results = jobs.map(({ ns, steps }) => doSteps(ns, 0, steps))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort!.postMessage(results)
})
