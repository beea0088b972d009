// The steps of the compiler one by one, timed inside their own process. Usage: compiler.mjs FILE
import { modules } from '../../../src/cli/topology-file.ts'
import { compile } from '../../../src/compile/compile.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { readTopology } from '../../../src/topology/load.ts'

/** Seconds of each step, and how many objects came of it. */
export interface Steps {
  readonly read: number
  readonly resolve: number
  readonly compile: number
  readonly objects: number
}

async function timed<T>(step: () => T | Promise<T>): Promise<{ readonly seconds: number; readonly result: T }> {
  const from = performance.now()
  const result = await step()
  return { seconds: (performance.now() - from) / 1000, result }
}

const [file] = process.argv.slice(2)
const read = await timed(() => readTopology(file!, modules))
const resolved = await timed(() => resolve(read.result.value!))
const compiled = await timed(() => compile(resolved.result.value!))
const steps: Steps = {
  read: read.seconds,
  resolve: resolved.seconds,
  compile: compiled.seconds,
  objects: compiled.result.objects.length,
}
console.log(JSON.stringify(steps))
