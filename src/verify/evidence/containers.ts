/** Whether containers run, and listen where they declare that they do. Read before the test itself listens anywhere. */
import { setTimeout as sleep } from 'node:timers/promises'
import { containers } from '../../compile/containers.ts'
import { ABSENT, type NamespacePool, type Job } from '../../netns/namespace-pool.ts'
import { containerOwners, type ContainerOwner, type Lab } from '../../lab/lab.ts'
import { portsIn } from '../../process/readiness.ts'
import { endingText, processStates } from '../../process/states.ts'
import { processDir } from '../../state/store.ts'
import { now } from '../../clock.ts'

/** A container of the lab, whether it runs or not. */
export interface ContainerState {
  readonly owner: ContainerOwner
  /** Its name there. */
  readonly name: string
  readonly id: string
  /** TCP and UDP ports it declares: `80/tcp`. */
  readonly declared: readonly string[]
  /** Why it does not run, as a verb: `exited with code 3`. As of the last reading. */
  trouble?: string
  /** It ended with code 0: as for `netlab status`, it did what it was there for, unless it declares ports. */
  isDone?: boolean
  /** Declared ports without a listener in its namespace, of one that ran. */
  idle: readonly string[]
}

/** How long a container that was just started may take until it listens, milliseconds, and how often that is looked at. */
const GRACE = 2500
const EVERY = 100

const FILES = ['tcp', 'tcp6', 'udp', 'udp6'] as const
/** Ports in use (`80/tcp`), from the texts of /proc/net/tcp, tcp6, udp and udp6. */
export function listenedOn(texts: readonly string[]): Set<string> {
  return new Set(texts.flatMap((text, i) => (text === ABSENT ? [] : portsIn(text, FILES[i]!.startsWith('tcp') ? 'tcp' : 'udp'))))
}

const statesIn = (lab: Lab): ContainerState[] =>
  containerOwners(lab).flatMap((owner) =>
    containers(owner).map(({ id, container }) => ({
      owner,
      name: container,
      id,
      declared: (owner.containers.find((c) => c.name === container)?.ports ?? [])
        .filter((p) => p.protocol !== 'SCTP')
        .map((p) => `${p.containerPort}/${p.protocol.toLowerCase()}`),
      idle: [],
    })),
  )

/** Reads once more which of them run. */
export function lookAfter(lab: Lab, list: readonly ContainerState[]): void {
  const processes = new Map(processStates(processDir(lab.name)).map((p) => [p.id, p]))
  for (const each of list) {
    const found = processes.get(each.id)
    each.isDone = found?.state === 'exited' && found.exitCode === 0
    if (!found) each.trouble = 'was not started'
    else if (found.state === 'exited') each.trouble = endingText(found)
    else if (found.stopped) each.trouble = 'was stopped by a signal'
    else delete each.trouble
  }
}

/** Reads where the namespaces of those that run are listened in. A namespace that is gone says nothing: asking it tells. */
async function readIdle(list: readonly ContainerState[], pool: NamespacePool): Promise<void> {
  const spaces = [...new Set(list.map((c) => c.owner.netns))]
  const open = new Map<string, Set<string>>()
  await pool.run(
    spaces.map((ns): Job => ({ ns, steps: [{ get: FILES.map((f) => `/proc/net/${f}`) }] })),
    (index, [sockets]) => {
      if (sockets?.code === 0) open.set(spaces[index]!, listenedOn(sockets.stdout.split('\0')))
    },
  )
  for (const each of list) {
    const found = open.get(each.owner.netns)
    each.idle = found ? each.declared.filter((port) => !found.has(port)) : []
  }
}

/**
 * The state of every container. One that runs and does not listen yet is given some time.
 * @param patience how much more of it than usual; 1 when absent
 */
export async function readContainers(lab: Lab, pool: NamespacePool, patience = 1, signal?: AbortSignal): Promise<ContainerState[]> {
  const all = statesIn(lab)
  const end = now() + GRACE * Math.max(1, patience)
  for (let some = all.filter((c) => c.declared.length > 0); ;) {
    lookAfter(lab, all)
    await readIdle(
      some.filter((c) => c.trouble === undefined),
      pool,
    )
    for (const each of some) if (each.trouble !== undefined) each.idle = []
    some = some.filter((c) => c.idle.length > 0)
    if (some.length === 0 || now() > end) return all
    await sleep(EVERY, undefined, { signal })
  }
}
