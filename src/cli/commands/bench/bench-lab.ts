/** One subject of `netlab bench`: a running lab as it is, or a file's network in labs of the benchmark's own, up, measured, and down again. */
import { resolve as absolute } from 'node:path'
import { podMTU } from '../../../backends/index.ts'
import { measure, type RunOptions } from '../../../bench/run.ts'
import { filePaths, policyNumbers, runningPaths } from '../../../bench/plan.ts'
import type { LabBench } from '../../../bench/rows.ts'
import { benchTopology } from '../../../bench/topology.ts'
import { now } from '../../../clock.ts'
import type { Lab } from '../../../lab/lab.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import { removeLab } from '../../../state/down.ts'
import { withLock } from '../../../state/lock.ts'
import { readJournal, type Applied } from '../../../state/store.ts'
import { bringUp } from '../../../state/up.ts'
import type { Watch } from '../../cleanup-guard.ts'
import { Exit, failure } from '../../failure.ts'
import { whileUp } from '../../labs.ts'
import { requireFeatures } from '../../machine.ts'
import { compileFile, type FromFile } from '../../topology-file.ts'
import { warn } from '../../warn.ts'
import { settle } from '../lab/up-run.ts'

export interface Benchmark {
  readonly rounds: number
  /** Seconds of a sample. */
  readonly seconds: number
  /** Milliseconds for a lab, from reading its file until it is down again; absent: as long as it takes. */
  readonly budget?: number
  readonly signal: AbortSignal
  readonly onProgress: (text: string, share?: number) => void
}

/** Milliseconds of a budget that stay for taking labs down and for reporting. */
const CLOSING = 6000

const options = (benchmark: Benchmark, lab: string, started: number): RunOptions => ({
  rounds: benchmark.rounds,
  seconds: benchmark.seconds,
  ...(benchmark.budget === undefined ? {} : { deadline: started + benchmark.budget - CLOSING }),
  signal: benchmark.signal,
  onProgress: (text, share) => benchmark.onProgress(`measuring ${lab}: ${text}`, share),
})

function about(lab: Lab, file: string): Pick<LabBench, 'file' | 'backend' | 'attach' | 'preset' | 'mtu'> {
  const [host] = lab.hosts
  return {
    file,
    backend: lab.backend.type,
    attach: lab.attach.type,
    ...(lab.preset ? { preset: lab.preset.name } : {}),
    mtu: { underlay: host!.mtu, pods: podMTU(lab, host!) },
  }
}

/** Measures a lab that is up, between pods of its own and under policies of its own. @throws Failure (exit 2) for a lab without pods */
export async function benchRunning(applied: Applied, benchmark: Benchmark): Promise<LabBench> {
  const started = now()
  const { lab } = applied
  const paths = runningPaths(lab)
  if (!paths)
    throw failure(
      Exit.Usage,
      'no-pods',
      `lab ${lab.name} has no pod to measure from`,
      'netlab bench FILE measures in a lab with pods of its own.',
    )
  const run = await whileUp(applied, 'measured', () => measure(paths, options(benchmark, lab.name, started)))
  return { lab: lab.name, ...about(lab, lab.file), isRunning: true, run, tookMs: now() - started }
}

/** Labs of one file's benchmark, by their number of policies. */
type Labs = ReadonlyMap<number, FromFile>

/** Measures the network of a file. @throws Failure for a file that cannot be compiled, or a lab that this machine cannot build */
export async function benchFile(file: string, watch: Watch, benchmark: Benchmark): Promise<LabBench> {
  const started = now()
  const written = await compileFile(file)
  const { lab } = written.compiled
  const labs = await compileLabs(file, written.compiled.lab)
  warn(written.warnings, file)
  for (const { compiled } of labs.values()) requireFeatures(compiled)
  const pool = new NamespacePool()
  const built: string[] = []
  try {
    for (const from of labs.values()) {
      const { name } = from.compiled.lab
      const own = (): void => {
        built.push(name)
        watch.up(name)
      }
      benchmark.onProgress(`building ${name}`)
      await build(file, from, own, pool, benchmark.signal)
    }
    const run = await measure(
      filePaths(new Map([...labs].map(([n, from]) => [n, from.compiled.lab]))),
      options(benchmark, lab.name, started),
    )
    return { lab: lab.name, ...about(labs.get(0)!.compiled.lab, absolute(file)), isRunning: false, run, tookMs: now() - started }
  } finally {
    for (const name of built) {
      benchmark.onProgress(`removing ${name}`)
      await withLock(name, () => removeLab(name, pool))
      watch.gone(name)
    }
    pool.close()
  }
}

/** All are compiled before the first is built. @throws Failure (exit 2) */
async function compileLabs(file: string, lab: Lab): Promise<Labs> {
  const labs = new Map<number, FromFile>()
  for (const n of policyNumbers(lab)) labs.set(n, await compileFile(file, { change: (loaded) => benchTopology(loaded, lab, n) }))
  return labs
}

/** @param own called when from now on everything of that name is ours @throws Failure */
async function build(file: string, from: FromFile, own: () => void, pool: NamespacePool, signal: AbortSignal): Promise<void> {
  const { compiled } = from
  const { name } = compiled.lab
  await withLock(
    name,
    async () => {
      if (readJournal(name))
        throw failure(
          Exit.Usage,
          'lab-is-up',
          `lab ${name} is up already: another netlab bench is measuring it, or was killed`,
          `netlab down ${name} removes it.`,
        )
      own()
      // Not the file's own name: commands that are given the file mean the lab that `netlab up` made of it.
      const lab = { ...compiled.lab, file: `${absolute(file)} (netlab bench)` }
      settle(await bringUp({ ...compiled, lab }, pool, { signal }), file, from, {})
    },
    undefined,
    signal,
  )
}
