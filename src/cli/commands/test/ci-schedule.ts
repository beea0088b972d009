/** How many labs fit on this machine at a time. */
import { availableParallelism } from 'node:os'
import type { KernelObject } from '../../../kernel/objects.ts'
import { learnedNeighbours, type Lab } from '../../../lab/lab.ts'
import { readMachine } from '../../../verify/probing/machine.ts'

/** What a lab takes of what all labs share. */
export interface Cost {
  /** Bytes. */
  readonly memory: number
  /** Entries of the kernel's neighbour table, which all namespaces share; a lab that overflows it loses packets. */
  readonly neighbours: number
}

const MiB = 2 ** 20

/**
 * About twice what was measured (proportional set sizes): a test's processes take 1.1 MiB for each namespace, a
 * container and its supervisor 0.6 MiB; the rest is for what the kernel keeps of namespaces, which is not accounted anywhere.
 */
export function costOf(lab: Lab, objects: readonly KernelObject[]): Cost {
  const of = (kind: KernelObject['kind']): number => objects.filter((o) => o.kind === kind).length
  return {
    memory: 64 * MiB + of('netns') * 2.5 * MiB + of('process') * 1.5 * MiB + of('daemon') * 8 * MiB,
    neighbours: learnedNeighbours(lab.hosts.length, lab.pods.length),
  }
}

/** What there is now. In a container the limit of its control group counts. */
export function room(): Cost {
  const { most, taken } = readMachine()
  return { memory: process.availableMemory() * 0.8, neighbours: most - taken }
}

/** Labs at a time by default: half of a test is waiting for answers that must not come. */
export const defaultJobs = (): number => availableParallelism() + 1

export interface Task {
  /** Two of one name never run at a time. */
  readonly name: string
  readonly cost: Cost
  run(): Promise<void>
}

/**
 * Runs all tasks, the largest first, at most `jobs` at a time and only while there is room; one alone always fits.
 * A task must not throw.
 * @param room asked once: what runs later was not there yet
 */
export async function schedule(tasks: readonly Task[], jobs: number, has: Cost, signal: AbortSignal): Promise<void> {
  const waiting = tasks.toSorted((a, b) => b.cost.memory - a.cost.memory)
  const running = new Map<Task, Promise<void>>()
  const fits = (task: Task): boolean => {
    const all = [...running.keys(), task]
    const sum = (of: keyof Cost): number => all.reduce((total, t) => total + t.cost[of], 0)
    return sum('memory') <= has.memory && sum('neighbours') <= has.neighbours && all.every((t) => t === task || t.name !== task.name)
  }
  for (;;) {
    while (running.size < jobs && waiting.length > 0 && !signal.aborted) {
      const at = running.size === 0 ? 0 : waiting.findIndex(fits)
      if (at < 0) break
      const [task] = waiting.splice(at, 1) as [Task]
      running.set(
        task,
        task.run().finally(() => running.delete(task)),
      )
    }
    if (running.size === 0) return
    await Promise.race(running.values())
  }
}
