// A thousand pods on twenty hosts: `up` against hand-written scripts and Mininet, `down`, a second `up`, `status`, one pod more.
import { existsSync, readFileSync } from 'node:fs'
import type { Goal, Row, Setting } from './benchmark.ts'
import { floor, WORKERS } from './floor.ts'
import { interruption } from './interrupt.ts'
import { deleteNamespaces, lab, labName } from './labs.ts'
import { measure, type Sample } from './measure.ts'
import { HOW_TO_INSTALL, installed, mininet } from './mininet.ts'
import { difference, size, snapshot } from './same.ts'
import { median, ratio, summarize } from './stats.ts'

const HOSTS = 20
const PODS = 1000

export const needsRoot = true
export const title = `${PODS} pods on ${HOSTS} hosts (vxlan, bridge)`

/** Watches a process and its children; resolves with the peak memory of each child that lives on, in bytes. */
function watchWorkers(wrapper: number): () => number[] {
  const peaks = new Map<string, number>()
  const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const children = (pid: string): string[] => read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  const look = (): void => {
    try {
      for (const netlab of children(`${wrapper}`)) {
        for (const pid of children(netlab)) {
          if (!read(`/proc/${pid}/cmdline`).includes('worker')) continue
          const peak = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))
          if (peak) peaks.set(pid, Number(peak[1]) * 1024)
        }
      }
    } catch {
      // It ended while it was looked at.
    }
  }
  const timer = setInterval(look, 25).unref()
  return () => {
    clearInterval(timer)
    return [...peaks.values()]
  }
}

/** The same lab three times, built by netlab and by scripts, and how each is removed. */
function contenders(netlab: string) {
  const topology = (pods: number): object => ({ hosts: { node: { replicas: HOSTS } }, pods: { pod: { replicas: pods } } })
  const ours = lab('scale', topology(PODS))
  const larger = lab('larger', { ...topology(PODS + 1), name: ours.name })
  const command = (...words: string[]): string[] => [netlab, ...words]
  const script = (variant: 'same' | 'bare') => {
    const name = labName(variant)
    return { name, up: floor(variant, name, HOSTS, PODS), down: () => deleteNamespaces(name) }
  }
  return {
    ours: {
      ...ours,
      up: command('up', ours.file),
      again: command('up', ours.file),
      status: command('status', ours.name),
      more: command('up', larger.file),
      down: command('down', ours.name),
    },
    same: script('same'),
    bare: script('bare'),
  }
}

/** What is measured, by the names of the samples. */
type Measuring = 'up' | 'down' | 'again' | 'status' | 'more' | 'same' | 'bare'

export async function run(setting: Setting): Promise<Row[]> {
  const { netlab, runs, say, drained, drainedTurn } = setting
  const { ours, same, bare } = contenders(netlab)
  const samples: Record<Measuring, Sample[]> = { up: [], down: [], again: [], status: [], more: [], same: [], bare: [] }
  const rows: Row[] = []

  say('is the hand-written script the same lab?')
  await drained()
  let workers: ReturnType<typeof watchWorkers> | undefined
  await measure(ours.up, { onStart: (pid) => void (workers = watchWorkers(pid)) })
  const workerPeaks = workers?.() ?? []
  const observed = await snapshot(ours.name)
  await measure(ours.down)
  await drained()
  await measure(same.up)
  const differs = difference(observed, await snapshot(same.name))
  await same.down()
  rows.push({
    what: 'hand-written script builds the same lab',
    text: differs === undefined ? `yes: ${size(observed)} lines read back are equal` : `NO: ${differs}`,
  })

  const turns: (() => Promise<Partial<Record<Measuring, Sample>>>)[] = [
    async () => ({
      up: await measure(ours.up),
      again: await measure(ours.again),
      status: await measure(ours.status),
      more: await measure(ours.more),
      down: await measure(ours.down),
    }),
    async () => {
      const sample = await measure(same.up)
      await same.down()
      return { same: sample }
    },
    async () => {
      const sample = await measure(bare.up)
      await bare.down()
      return { bare: sample }
    },
  ]
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    // What comes first in one round comes last in the next.
    for (let i = 0; i < turns.length; i++) {
      const taken = await drainedTurn(turns[(i + round) % turns.length]!)
      for (const [name, sample] of Object.entries(taken)) samples[name as Measuring].push(sample)
    }
  }
  const took = (name: Measuring): number[] => samples[name].map((s) => s.wall)
  const cpu = (name: Measuring): number[] => samples[name].map((s) => s.cpu)
  const scripts = `batch script, ${WORKERS} shells`
  rows.push(
    {
      what: '`up`',
      value: summarize(took('up')),
      unit: 's',
      than: { name: `${scripts}, same objects`, value: summarize(took('same')) },
      ratio: ratio(took('up'), took('same')),
      goal: { text: '≤ 0.6 ×', met: (r) => r.ratio <= 0.6 },
    },
    {
      what: '`up`, processor time',
      value: summarize(cpu('up')),
      unit: 's',
      than: { name: `${scripts}, same objects`, value: summarize(cpu('same')) },
      ratio: ratio(cpu('up'), cpu('same')),
    },
    {
      what: '`up`',
      value: summarize(took('up')),
      unit: 's',
      than: { name: `${scripts}, only bridges, addresses, routes`, value: summarize(took('bare')) },
      ratio: ratio(took('up'), took('bare')),
    },
    { what: '`down`', value: summarize(took('down')), unit: 's', goal: { text: '≤ 0.3 s', met: (r) => r.value <= 0.3 } },
    ...(
      [
        ['again', '`up` again, nothing to do', 0.15],
        ['status', '`status`', 0.15],
        ['more', '`up` with one pod more', 0.12],
      ] as const
    ).flatMap(([name, what, limit]): Row[] => [
      {
        what,
        value: summarize(took(name)),
        unit: 's',
        than: { name: `${scripts}, same objects`, value: summarize(took('same')) },
        ratio: ratio(took(name), took('same')),
        goal: { text: `≤ ${limit} ×`, met: (r) => r.ratio <= limit },
      },
      {
        what: `${what}, processor time`,
        value: summarize(cpu(name)),
        unit: 's',
        than: { name: `${scripts}, same objects`, value: summarize(cpu('same')) },
        ratio: ratio(cpu(name), cpu('same')),
      },
    ]),
    ...(
      [
        ['up', '`up`'],
        ['again', '`up` again'],
        ['status', '`status`'],
        ['more', '`up` with one pod more'],
      ] as const
    ).map(([name, what]): Row => ({
      what: `peak memory of netlab, ${what}`,
      value: summarize(samples[name].map((s) => s.rss)),
      unit: 'MB',
      goal: { text: '≤ 200 MB', met: (r) => r.value <= 200e6 },
    })),
  )
  if (workerPeaks.length > 0)
    rows.push({ what: `peak memory of each of its ${workerPeaks.length} workers`, value: summarize(workerPeaks), unit: 'MB' })
  rows.push(...(await peers(median(took('up')), median(took('down')), setting)))
  return rows
}

async function peers(up: number, down: number, { mininetRuns: runs, say, drainedTurn }: Setting): Promise<Row[]> {
  if (runs === 0) return []
  if (!installed()) return [{ what: '`up` against Mininet', text: `not measured: Mininet is not installed (${HOW_TO_INSTALL})` }]
  const theirs: Awaited<ReturnType<typeof mininet>>[] = []
  for (let i = 0; i < runs; i++) {
    say(`Mininet, ${i + 1} of ${runs}`)
    try {
      theirs.push(await drainedTurn(() => mininet(PODS, HOSTS)))
    } catch (error) {
      if (interruption.aborted) throw error
      return [{ what: '`up` against Mininet', text: `not measured: ${(error as Error).message}` }]
    }
  }
  const speed = (name: 'up' | 'down', ours: number, goal?: Goal): Row => {
    const values = theirs.map((t) => t[name])
    return {
      what: `Mininet, ${PODS} hosts on ${HOSTS} Linux bridges: ${name}`,
      value: summarize(values),
      unit: 's',
      than: { name: `netlab \`${name}\``, value: summarize([ours]) },
      ratio: ratio(
        values,
        values.map(() => ours),
      ),
      ...(goal ? { goal } : {}),
    }
  }
  return [speed('up', up, { text: '≥ 5 ×', met: (r) => r.ratio >= 5 }), speed('down', down)]
}
