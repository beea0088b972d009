/** Steps of a job that take no program: files, lines over netlink, and whatever else is done by system calls. */
import { inside, MACHINE } from './inside.ts'
import { systemWords } from './libc.ts'
import { runLines, type Executor, type LineBatch } from './lines/run.ts'
import { readDumps, type DumpName } from './netlink/dumps.ts'
import { DumpReader } from './netlink/reader.ts'
import { digestOf } from './netlink/stable.ts'
import { netnsFile } from './paths.ts'
import { readProc, writeProc } from './proc-sys.ts'

/** What this thread does, without starting a program. */
export type OwnStep =
  | { readonly put: readonly (readonly [path: string, value: string])[] }
  | { readonly get: readonly string[] }
  /** Read over netlink: the value of the step is a {@link DumpReader}. */
  | { readonly dump: readonly DumpName[] }
  /** What is read, as a digest of what does not change by itself. */
  | { readonly digest: Digested }
  /** Lines of `ip` and `bridge`: what comes out is what the program would have printed and returned. */
  | { readonly lines: LineBatch }
  /** Called in the namespace; what it returns is the value of the step, and an error that it throws fails it. */
  | { readonly call: () => unknown }

/** What is read of a namespace, in the order of its digest. */
export interface Digested {
  readonly dump: readonly DumpName[]
  readonly get: readonly string[]
}

export interface StepResult {
  readonly step: number
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** What a `call` returned, or what a `dump` read. */
  readonly value?: unknown
}

/** Value of a file a `get` step did not find. */
export const ABSENT = '\u0001'

/** The contents of files as a `get` step has them. */
const filesText = (paths: readonly string[]): string =>
  readProc(paths)
    .map((content) => content ?? ABSENT)
    .join('\0')

/** Told of a line before it is run, in the words of its tool. */
export type OnLine = (line: string, by: Executor | 'file') => void

/** Does a step in the namespace the thread is in. */
function doStep(index: number, step: OwnStep, onLine: OnLine | undefined): StepResult {
  const done = { step: index, code: 0, stdout: '', stderr: '' }
  if ('lines' in step) return { ...done, ...runLines(step.lines, onLine) }
  if ('get' in step) return { ...done, stdout: filesText(step.get) }
  let line = 0
  try {
    if ('call' in step) return { ...done, value: step.call() }
    if ('digest' in step) return { ...done, stdout: digestOf(readDumps(step.digest.dump), filesText(step.digest.get)) }
    if ('dump' in step) return { ...done, value: new DumpReader(readDumps(step.dump)) }
    writeProc(step.put, (path, value) => {
      line++
      onLine?.(`sysctl ${path.replace('/proc/sys/', '')} = ${value}`, 'file')
    })
    return done
  } catch (error) {
    return { ...done, code: 1, stderr: `${(error as Error).message}\n${line > 0 ? `line ${line}\n` : ''}` }
  }
}

/** Steps of this thread's, one after the other, up to the first that fails. */
export function doSteps(ns: string | undefined, first: number, steps: readonly OwnStep[], onLine?: OnLine): StepResult[] {
  try {
    return inside(ns ?? MACHINE, () => {
      const results: StepResult[] = []
      for (const [i, step] of steps.entries()) {
        results.push(doStep(first + i, step, onLine))
        if (results.at(-1)!.code !== 0) break
      }
      return results
    })
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    const words = errno === undefined ? (error as Error).message : systemWords(Math.abs(errno))
    return [{ step: first, code: 1, stdout: '', stderr: `${ns === undefined ? 'the machine' : netnsFile(ns)}: ${words}\n` }]
  }
}
