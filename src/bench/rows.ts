/** What a run amounts to: a row for every path and measure, each compared with host to host. */
import { MEASURE_IDS, MEASURES, type MeasureId } from './measures.ts'
import type { BenchPath } from './paths.ts'
import type { BenchRun } from './run.ts'
import { median, roundRatios, summarize, type Summary } from './statistics.ts'

export interface BenchRow {
  readonly path: BenchPath
  readonly measure: MeasureId
  readonly value: Summary
  /** Values of the rounds, in their order. */
  readonly samples: readonly number[]
  /** Of this path's value to that of host to host, round by round; undefined where that was not measured. */
  readonly ratio: Summary | undefined
}

/** All rows of a run, path by path. */
export function rowsOf({ results }: Pick<BenchRun, 'results'>): BenchRow[] {
  const base = results.find((r) => r.path.id === 'host-host')
  return results.flatMap(({ path, samples }) =>
    MEASURE_IDS.map((measure): BenchRow => ({
      path,
      measure,
      value: summarize(samples[measure]),
      samples: samples[measure],
      ratio: base && summarize(roundRatios(samples[measure], base.samples[measure])),
    })),
  )
}

/** What was measured in one lab. */
export interface LabBench {
  /** As the topology calls it. */
  readonly lab: string
  readonly file: string
  /** Whether it was up already and was measured as it is. */
  readonly isRunning: boolean
  readonly backend: string
  readonly attach: string
  readonly preset?: string
  /** Bytes of IP packet that links between hosts carry, and pods' links. */
  readonly mtu: { readonly underlay: number; readonly pods: number }
  readonly run: BenchRun
  readonly tookMs: number
}

/** The machine it was measured on. */
export interface BenchMachine {
  readonly processors: number
  readonly model: string
  readonly kernel: string
}

/** A lab that was not measured, and why. */
export interface SkippedLab {
  readonly file: string
  readonly reasons: readonly string[]
  readonly hint?: string
}

export interface BenchReport {
  readonly machine: BenchMachine
  readonly labs: readonly LabBench[]
  readonly skipped: readonly SkippedLab[]
  readonly tookMs: number
}

/** Shares of processor time and of a value from which on a measurement is called disturbed. */
const BUSY = 0.05
const WIDE = 0.5

const percent = (share: number): string => `${Math.round(share * 100)} %`

/** How far the values of host to host lie apart, at most: a share of their median. */
function spreadOfBase({ results }: BenchRun): { readonly measure: MeasureId; readonly share: number } | undefined {
  const base = results.find((r) => r.path.id === 'host-host')
  if (!base) return undefined
  return MEASURE_IDS.map((measure) => {
    const { min, max } = summarize(base.samples[measure])
    return { measure, share: (max - min) / median(base.samples[measure]) }
  }).toSorted((a, b) => b.share - a.share)[0]
}

/** What disturbed a run, in sentences. */
export function disturbances(run: BenchRun): string[] {
  const { busy, stolen } = run.background
  const wide = spreadOfBase(run)
  return [
    ...(busy > BUSY
      ? [`the machine was ${percent(busy)} busy with other things between the samples: values are too low, and CPU per GB is too high`]
      : []),
    ...(stolen > BUSY ? [`the hypervisor gave ${percent(stolen)} of the time to other guests`] : []),
    ...(wide && wide.share > WIDE
      ? [
          `host to host itself varied by ${percent(wide.share)} (${MEASURES[wide.measure].title}): smaller differences between paths mean nothing`,
        ]
      : []),
  ]
}

/** What measuring on one machine cannot tell, in sentences. */
export function limits({ processors }: BenchMachine): string[] {
  const share = processors === 1 ? 'one processor' : `${processors} processors`
  return [
    `Clients, servers and every host between them share ${share}: a path that takes twice the CPU has half the throughput here. Between machines, each end has its own.`,
    'There is no wire: veth passes packets on within the kernel. No network card, no cable and no switch limits a rate or adds to a round trip, and rates are above those of any card.',
    'Segments of up to 64 KB go from end to end uncut (GSO, TSO): what a packet costs, such as a header or a rule, is paid once for up to 45 packets of 1500 bytes. A card that cannot cut them inside a tunnel pays it for each.',
    'CPU per GB is what /proc/stat counts for the whole machine during the sample, in ticks of 10 ms: both ends, forwarding and encryption in softirqs and kernel threads, programs in user space, and whatever else runs.',
    'Ratios compare paths of one run. Values of two runs, or of two machines, compare only as far as the machine was equally quiet.',
  ]
}
