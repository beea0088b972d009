/** The program of a thread: does the steps that it is sent (step-threads.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import { inherit } from './inside.ts'
import { DumpReader } from './netlink/reader.ts'
import { doSteps, type StepResult } from './own-steps.ts'
import type { ThreadJob } from './step-threads.ts'

/** Bytes go from thread to thread, and what reads them does not. */
const packed = (result: StepResult): StepResult => (result.value instanceof DumpReader ? { ...result, value: result.value.bytes } : result)

inherit(workerData as number)

parentPort!.on('message', (jobs: readonly ThreadJob[]) => {
  const results = jobs.map(({ ns, steps }) => doSteps(ns, 0, steps).map((result) => packed(result)))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort!.postMessage(results)
})
