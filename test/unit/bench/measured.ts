/** A run as it might have been, without measuring. */
import type { LabBench, BenchReport } from '../../../src/bench/rows.ts'
import type { BenchPath, PathId } from '../../../src/bench/paths.ts'
import type { BenchRun, PathResult } from '../../../src/bench/run.ts'

const path = (id: PathId, title: string): BenchPath => ({
  id,
  title,
  from: 'a',
  to: 'b',
  client: 'lab.a',
  server: 'lab.b',
  address: '10.0.0.1',
  family: 4,
  policies: 0,
  encrypted: false,
})

/** Of each measure: five rounds, `factor` times those of host to host. */
const result = (id: PathId, title: string, factor: number): PathResult => {
  const rounds = (base: number): number[] => [1, 1.1, 0.9, 1.05, 0.95].map((n) => base * n * factor)
  return {
    path: path(id, title),
    samples: { stream: rounds(2e10), streams: rounds(3e10), latency: rounds(20e-6), connections: rounds(9000), cpu: rounds(0.6) },
  }
}

export const run = (more: Partial<BenchRun> = {}): BenchRun => ({
  results: [
    result('host-host', 'host to host', 1),
    result('same-host', 'pod, same host', 1.5),
    result('other-host', 'pod, other host', 0.5),
  ],
  unmeasured: [{ id: 'service', reason: 'there is no <Service> here' }],
  failed: false,
  rounds: 5,
  seconds: [0.2, 0.25],
  background: { busy: 0.01, stolen: 0 },
  ...more,
})

export const lab = (name: string, more: Partial<LabBench> = {}): LabBench => ({
  lab: name,
  file: `/home/me/labs/${name}.yaml`,
  isRunning: false,
  backend: 'vxlan',
  attach: 'bridge',
  mtu: { underlay: 1500, pods: 1450 },
  run: run(),
  tookMs: 41_000,
  ...more,
})

export const report = (...labs: LabBench[]): BenchReport => ({
  machine: { processors: 2, model: 'A <processor>', kernel: '6.1' },
  labs,
  skipped: [{ file: '/home/me/labs/geneve.yaml', reasons: ['this kernel cannot do geneve'], hint: 'Load the module.' }],
  tookMs: 90_000,
})
