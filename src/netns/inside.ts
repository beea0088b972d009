/**
 * The way into a namespace: {@link inside} enters it, does something, and is back. What is made inside belongs to the
 * namespace for good: sockets, and child processes, which stay where they are started.
 *
 * Only synchronous code can be done inside, because the thread goes back as soon as it returns. Node makes many sockets
 * on a later tick (`net.connect`, `listen` with an address, `dgram.bind`): such a socket would be one of whatever
 * namespace the thread is in by then. So sockets are made with the functions of socket.ts, and the thread's home is no
 * longer the machine's namespace but an empty one, from which nothing leaves: a mistake fails instead of sending
 * packets from the machine. Threads of Node's pool stay in the machine's namespace; of what they do, only the look-up
 * of a host name touches a network, and netlab looks none up.
 */
import { closeSync, openSync } from 'node:fs'
import { libc } from './libc.ts'
import { netnsFile } from './paths.ts'

/** linux/sched.h */
const CLONE_NEWNET = 0x40000000

/** The namespace that netlab was started in, which is entered like any other. */
export const MACHINE: unique symbol = Symbol('machine')

/** The name of a namespace, or the machine's own. */
export type Namespace = string | typeof MACHINE

interface Home {
  readonly machine: number
  /** Descriptor of the namespace that the thread is in. */
  current: number
}

let home: Home | undefined
/** In a thread beside the main one: the descriptor of the machine's namespace. */
let inherited: number | undefined

/** Descriptor of the namespace that the calling thread is in. Closed by exec. */
const here = (): number => openSync('/proc/thread-self/ns/net', 'r')

/**
 * Moves this thread from the machine's namespace to an empty one of its own, once. Every use of {@link inside} does it;
 * commands that work with namespaces do it first of all. Needs root.
 * @throws SystemError, LibcMissing
 */
export function leaveMachine(): void {
  goHome()
}

/** Descriptor of the machine's namespace, for {@link inherit}. The thread has left it by then, as {@link leaveMachine} does. */
export const machineNamespace = (): number => goHome().machine

/** Tells a thread which namespace is the machine's: it starts in the main thread's home. Before anything else is done in it. */
export function inherit(machine: number): void {
  inherited = machine
}

function goHome(): Home {
  if (home) return home
  const machine = inherited ?? here()
  libc('unshare', CLONE_NEWNET)
  return (home = { machine, current: here() })
}

/** What is not a promise: a function that returns one cannot be done inside. */
type Synchronous<T> = T extends PromiseLike<unknown> ? never : T

/**
 * Does something in a namespace and returns to where the thread was, whatever happens.
 * @throws what `work` throws; Node's own error when there is no such namespace; SystemError
 */
export function inside<T>(ns: Namespace, work: () => Synchronous<T>): T {
  // As long as the thread has not left it, there is nothing to enter, and no need to be root.
  if (ns === MACHINE && !home && inherited === undefined) return work()
  const opened = ns === MACHINE ? undefined : openSync(netnsFile(ns), 'r')
  try {
    const state = goHome()
    const from = state.current
    const to = opened ?? state.machine
    libc('setns', to, CLONE_NEWNET)
    state.current = to
    try {
      return work()
    } finally {
      state.current = from
      comeBack(from)
    }
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

/** Whether an error says that a namespace that could be entered before is gone: `ip netns delete` unmounts it, and then removes its file. */
export function isDeleted(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'EINVAL'
}

/**
 * Does something in a new namespace, made from the machine's, which goes away unless it was given a name meanwhile.
 * @throws what `work` throws; SystemError
 */
export function insideNew<T>(work: () => Synchronous<T>): T {
  leaveMachine()
  return inside(MACHINE, () => {
    libc('unshare', CLONE_NEWNET)
    return work()
  })
}

/** All that follows would be done to the wrong namespace, so there is nothing to go on with. */
function comeBack(to: number): void {
  try {
    libc('setns', to, CLONE_NEWNET)
  } catch (error) {
    process.stderr.write(`netlab: cannot return from a namespace: ${(error as Error).message}\n`)
    process.abort()
  }
}
