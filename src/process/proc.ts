/**
 * Reads `/proc`. Processes come and go while it is read: one that cannot be read is one that is not there.
 */
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { netnsFile } from '../netns/paths.ts'

/** A process as the kernel sees it. */
export interface Proc {
  readonly pid: number
  /** One letter: R, S, D … Z has ended and waits for its parent. */
  readonly state: string
  readonly parent: number
  readonly session: number
  /** Start time in clock ticks since boot. Together with the pid it names a process for ever. */
  readonly start: number
}

/** One line of `/proc/PID/stat`. The program's name may contain blanks and parentheses. */
export function parseStat(text: string): Proc | undefined {
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ')
  const pid = Number.parseInt(text, 10)
  if (end < 0 || fields.length < 20 || Number.isNaN(pid)) return undefined
  return { pid, state: fields[0] ?? '', parent: Number(fields[1]), session: Number(fields[3]), start: Number(fields[19]) }
}

function read<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}

/** The process with this pid unless it has ended; a zombie has ended. */
export function findProcess(pid: number): Proc | undefined {
  const proc = read(() => parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1')))
  return proc !== undefined && !'ZXx'.includes(proc.state) ? proc : undefined
}

/** Every process that has not ended, by pid. */
export function processes(): Map<number, Proc> {
  const found = new Map<number, Proc>()
  for (const name of readdirSync('/proc')) {
    const proc = /^\d+$/.test(name) ? findProcess(Number(name)) : undefined
    if (proc !== undefined) found.set(proc.pid, proc)
  }
  return found
}

/** Resident memory in KiB, shared pages included. */
export function residentKiB(pid: number): number | undefined {
  const match = read(() => /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')))
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/** Inode of the network namespace a process, or a thread (`PID/task/TID`), is in, which is the namespace's identity. */
export function networkNamespace(pid: number | string): number | undefined {
  const match = read(() => /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`)))
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/**
 * Whether a process lives in one of these network namespaces. One that only visits has threads elsewhere: netlab enters
 * namespaces with its main thread alone, and may be read by another netlab meanwhile.
 */
export function livesIn(pid: number, inodes: ReadonlySet<number>): boolean {
  if (!inodes.has(networkNamespace(pid) ?? 0)) return false
  const threads = read(() => readdirSync(`/proc/${pid}/task`)) ?? []
  return threads.every((thread) => {
    const inode = networkNamespace(`${pid}/task/${thread}`)
    return inode === undefined || inodes.has(inode)
  })
}

/** Inode of a named namespace. A file nothing is mounted on is no namespace. */
export function namedNamespace(name: string): number | undefined {
  return read(() => {
    const file = statSync(netnsFile(name))
    return file.dev === statSync('/proc/self/ns/net').dev ? file.ino : undefined
  })
}

/** Sends a signal to this very process. False when it has ended, even if its pid has been given away. */
export function signalProcess(target: Proc, signal: NodeJS.Signals): boolean {
  return findProcess(target.pid)?.start === target.start && read(() => process.kill(target.pid, signal)) === true
}
