/**
 * Ends containers and daemons, and whatever they left behind, and nothing else on the machine: a process is signalled only
 * when pid and start time (or its network namespace) say at that moment that it is one of ours.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MachineError } from '../netns/failures.ts'
import { findProcess, livesIn, namedNamespace, networkNamespace, processes, signalProcess, type Proc } from './proc.ts'
import { forgetProcesses, isRunning, recordedProcesses, recordedSupervisors, recordStop, type Recorded } from './records.ts'
import { now } from '../clock.ts'

/** Between SIGTERM and SIGKILL, in milliseconds. */
const grace = 200
/** A supervisor ends by itself right after its last child; later than this it hangs. */
const supervisorGrace = 1000
/** A killed process that stays longer than this hangs in the kernel. */
const patience = 10_000
const pause = 10

/**
 * Ends every container and daemon on record in `dir`, or those in `ids`: SIGTERM, 200 ms, SIGKILL. With each go its
 * descendants and its session. Without `ids` the supervisors go too, and so all that was left orphaned.
 * Forgets what it ended, and a daemon's files; logs stay. Doing it twice, or after a crash, is fine. With `ids`, that they are
 * being stopped is on record first: some others of the lab stay, and it counts as up.
 *
 * @param kept ids of daemons whose files stay
 * @throws Error naming the pids that even SIGKILL did not end
 */
export async function stopProcesses(dir: string, ids?: readonly string[], kept?: ReadonlySet<string>): Promise<void> {
  const wanted = ids === undefined ? undefined : new Set(ids)
  const chosen = () => recordedProcesses(dir).filter(({ id }) => wanted?.has(id) ?? true)
  const supervisors = wanted === undefined ? recordedSupervisors(dir) : []
  if (wanted) for (const { id } of chosen()) recordStop(dir, id)
  // A supervisor told to end starts nothing more. It may have one more child on record before it hears of it,
  // which is why the records are read again until the supervisors are gone.
  for (const supervisor of supervisors) signalRecorded(supervisor, 'SIGTERM')
  await endAll((elapsed) => {
    const alive = supervisors.filter(isRunning)
    if (elapsed > supervisorGrace) for (const supervisor of alive) signalRecorded(supervisor, 'SIGKILL')
    const targets = family(processes(), chosen(), alive)
    return { targets, left: [...targets, ...alive] }
  })
  forgetProcesses(dir, wanted, kept)
}

/**
 * Ends what the supervisors of `dir` have started and has no readable record: a damaged file must not leave a process that holds
 * the ports of the one that is started in its place. Only while no other netlab process changes the lab.
 *
 * @throws Error naming the pids that even SIGKILL did not end
 */
export async function stopUnrecorded(dir: string): Promise<void> {
  const supervisors = recordedSupervisors(dir)
  await endAll(() => {
    const all = processes()
    const recorded = new Set(recordedProcesses(dir).map(({ pid, start }) => `${pid} ${start}`))
    const parents = new Set(supervisors.filter(({ pid, start }) => all.get(pid)?.start === start).map(({ pid }) => pid))
    const roots = [...all.values()].filter(({ pid, start, parent }) => parents.has(parent) && !recorded.has(`${pid} ${start}`))
    const targets = family(
      all,
      roots.map(({ pid, start }) => ({ id: '', pid, start, netns: 0 })),
      [],
    )
    return { targets, left: targets }
  })
}

function signalRecorded(recorded: Recorded, signal: 'SIGTERM' | 'SIGKILL'): void {
  const proc = findProcess(recorded.pid)
  if (proc !== undefined && proc.start === recorded.start) signalProcess(proc, signal)
}

/** Signals what `look` finds until nothing is left: SIGTERM first, after the grace SIGKILL. */
async function endAll(look: (elapsed: number) => { targets: readonly Proc[]; left: readonly { readonly pid: number }[] }): Promise<void> {
  const begun = now()
  const asked = new Set<string>()
  // Nothing must be found twice: /proc is not read in one instant, and a process that forks and ends can hide behind that.
  for (let emptyLooks = 0; emptyLooks < 2;) {
    const elapsed = now() - begun
    const { targets, left } = look(elapsed)
    emptyLooks = left.length === 0 ? emptyLooks + 1 : 0
    if (emptyLooks > 0) continue
    if (elapsed > patience) throw new MachineError(`cannot end process ${left.map(({ pid }) => pid).join(', ')}: it hangs in the kernel`)
    for (const target of targets) {
      const name = `${target.pid} ${target.start}`
      if (elapsed > grace) signalProcess(target, 'SIGKILL')
      else if (!asked.has(name)) signalProcess(target, 'SIGTERM')
      asked.add(name)
    }
    await sleep(pause)
  }
}

/**
 * What is on record and runs, their sessions, their descendants, and those of the supervisors (not the supervisors).
 * A session outlives its leader and keeps the leader's pid from being given away; still, without the leader
 * its members must also be in the namespace on record.
 */
function family(all: ReadonlyMap<number, Proc>, containers: readonly Recorded[], supervisors: readonly Recorded[]): Proc[] {
  const leaders = new Map(containers.map((container) => [container.pid, container]))
  const roots = new Set([...containers, ...supervisors].filter(({ pid, start }) => all.get(pid)?.start === start).map(({ pid }) => pid))
  const ours = new Map<number, boolean>()
  const belongs = (proc: Proc): boolean => {
    const known = ours.get(proc.pid)
    if (known !== undefined) return known
    ours.set(proc.pid, false) // ends a circle, which a torn reading of /proc could show
    const leader = leaders.get(proc.session)
    const parent = all.get(proc.parent)
    const answer =
      roots.has(proc.pid) ||
      (parent !== undefined && belongs(parent)) ||
      (leader !== undefined && (roots.has(leader.pid) || (!all.has(leader.pid) && networkNamespace(proc.pid) === leader.netns)))
    ours.set(proc.pid, answer)
    return answer
  }
  const spared = new Set(supervisors.map(({ pid }) => pid))
  return [...all.values()].filter((proc) => belongs(proc) && !spared.has(proc.pid))
}

/**
 * Every process in one of these network namespaces (by name; unknown ones are skipped), except
 * this process and those it was started from: `netlab down` inside `netlab shell` must not end itself.
 */
export function pidsInNamespaces(nsNames: readonly string[]): number[] {
  return members(nsNames).map(({ pid }) => pid)
}

function members(nsNames: readonly string[]): Proc[] {
  const inodes = new Set(nsNames.map(namedNamespace).filter((inode) => inode !== undefined))
  // Should a name ever stand for the machine's own namespace, no process in it is ours.
  inodes.delete(networkNamespace(1) ?? 0)
  if (inodes.size === 0) return []
  const all = processes()
  const spared = new Set<number>()
  for (let pid = process.pid; pid > 0 && !spared.has(pid); pid = all.get(pid)?.parent ?? 0) spared.add(pid)
  return [...all.values()].filter(({ pid }) => !spared.has(pid) && livesIn(pid, inodes))
}

/**
 * Ends those of `pids` that still are in one of these network namespaces: SIGTERM, 200 ms, SIGKILL.
 * Without `pids`: all that are in them, also those that are started meanwhile.
 *
 * @throws Error naming the pids that even SIGKILL did not end
 */
export async function endProcesses(nsNames: readonly string[], pids?: readonly number[]): Promise<void> {
  const wanted = pids === undefined ? undefined : new Set(pids)
  await endAll(() => {
    const targets = members(nsNames).filter(({ pid }) => wanted?.has(pid) ?? true)
    return { targets, left: targets }
  })
}
