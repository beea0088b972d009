/** `netlab bench --json` */
import { MEASURES } from '../../bench/measures.ts'
import { disturbances, limits, rowsOf, type BenchReport, type BenchRow, type LabBench } from '../../bench/rows.ts'

function row({ path, measure, value, samples, ratio }: BenchRow): object {
  const { unit, better } = MEASURES[measure]
  return {
    path: path.id,
    title: path.title,
    from: path.from,
    to: path.to,
    policies: path.policies,
    encrypted: path.encrypted,
    measure,
    unit,
    better,
    median: value.median,
    min: value.min,
    max: value.max,
    samples,
    ratio: ratio?.median ?? null,
    ratioMin: ratio?.min ?? null,
    ratioMax: ratio?.max ?? null,
  }
}

function lab(bench: LabBench): object {
  const { run } = bench
  return {
    lab: bench.lab,
    file: bench.file,
    running: bench.isRunning,
    backend: bench.backend,
    attach: bench.attach,
    ...(bench.preset === undefined ? {} : { preset: bench.preset }),
    mtu: bench.mtu,
    rounds: run.rounds,
    sampleSeconds: { min: run.seconds[0], max: run.seconds[1] },
    background: run.background,
    tookMs: Math.round(bench.tookMs),
    rows: rowsOf(run).map(row),
    unmeasured: run.unmeasured,
    notes: disturbances(run),
  }
}

export function benchDocument({ machine, labs, skipped, tookMs }: BenchReport): object {
  return { machine, labs: labs.map(lab), skipped, limits: limits(machine), tookMs: Math.round(tookMs) }
}
