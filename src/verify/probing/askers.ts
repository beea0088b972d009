/**
 * Listens and asks inside the nodes of a lab: one thread, with sockets that each belong to the namespace in which they
 * were made (netns/inside.ts).
 *
 * A late answer is never taken for another question's: datagrams leave from a port that is used once, echoes and INITs
 * carry a number that is used once.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { MachineError } from '../../netns/failures.ts'
import { inside, isDeleted } from '../../netns/inside.ts'
import { systemWords } from '../../netns/libc.ts'
import { forgetPathMtus } from '../../netns/path-mtu.ts'
import { watchNamespaces } from '../../netns/watch.ts'
import { Answered, Listeners } from './listeners.ts'
import { Loop } from './loop.ts'
import { openFiles } from './machine.ts'
import { Neighbours } from './neighbours.ts'
import { NodeSockets } from './node-sockets.ts'
import { EchoQuestion } from './kinds/echo.ts'
import type { Follower, Pending } from './kinds/pending.ts'
import { SctpQuestion } from './kinds/sctp.ts'
import { TcpQuestion } from './kinds/tcp.ts'
import { UdpQuestion } from './kinds/udp.ts'
import type { Answer, Listening, Put } from './question.ts'
import { now } from '../../clock.ts'

/** Who has a port: a listener of the test, a container, or none is possible. */
export type Held = 'ours' | 'busy' | { readonly why: string }

/** `netns protocol port`. */
export const portKey = (netns: string, protocol: string, port: number): string => `${netns} ${protocol} ${port}`

/** Descriptors for all else: captures, workers, files that are read. */
const OTHER_FILES = 40
/** Descriptors of a node: netlink, and a raw socket a protocol. */
const NODE_FILES = 3
/** A port is listened on in both families. */
const FAMILIES = 2
/** Fewest questions that may be asked at once. */
const LEAST_OPEN = 16
/** Connections that were answered are kept a while: their share of what may be open, how many at most, and how long (milliseconds). */
const KEPT = { share: 1 / 4, most: 1024, ms: 1000 } as const
/** Milliseconds of work between which Node does all else. */
const SLICE = 25

const KINDS = {
  tcp: TcpQuestion,
  udp: UdpQuestion,
  icmp: EchoQuestion,
  sctp: SctpQuestion,
} as const satisfies Record<Put['question']['kind'], new (node: NodeSockets, put: Put, follower: Follower) => Pending>

interface Node {
  readonly sockets: NodeSockets
  readonly listeners: Listeners
  readonly neighbours: Neighbours
}

export class Askers {
  readonly #nodes = new Map<string, Node>()
  /** Namespaces that could not be entered, or were deleted, and why. */
  readonly gone = new Map<string, string>()
  readonly #held = new Map<string, Held>()
  #loop: Loop | undefined
  #answered = new Answered(0, 0)
  #unwatch: (() => void) | undefined
  #isClosed = false
  /** Of nodes that are gone by now. */
  #drops = 0

  /**
   * Makes sure that so many listeners and their nodes are not too many, before anything else is begun.
   * @throws MachineError
   */
  start(list: readonly Listening[]): Loop {
    if (this.#isClosed) throw new Error('the test was ended')
    if (this.#loop) return this.#loop
    const { most, open } = openFiles()
    const listeners = list.reduce((sum, { ports }) => sum + ports.length, 0)
    const needed = OTHER_FILES + listeners * FAMILIES + new Set(list.map(({ netns }) => netns)).size * NODE_FILES
    const free = most - open - needed
    const enough = open + needed + LEAST_OPEN
    if (enough > most)
      throw new MachineError(`testing this lab takes ${enough} open files, and netlab may have ${most}: ulimit -n ${enough} allows them`)
    this.#answered = new Answered(Math.min(KEPT.most, Math.floor(free * KEPT.share)), KEPT.ms)
    this.#loop = new Loop({
      mostOpen: Math.floor(free * (1 - KEPT.share)),
      onTurn: (time) => this.#answered.age(time),
      onLost: ({ netns }, error) => this.#lost(netns, isDeleted(error) ? DELETED : wordsOf(error)),
    })
    this.#unwatch = watchNamespaces((netns) => this.#lost(netns, DELETED))
    return this.#loop
  }

  /** What belongs to a node; undefined where its namespace cannot be entered. @throws SystemError when too many files are open */
  #node(loop: Loop, netns: string): Node | undefined {
    const known = this.#nodes.get(netns)
    if (known || this.gone.has(netns)) return known
    try {
      const sockets = new NodeSockets(netns, loop.epoll)
      const listeners = new Listeners(sockets, loop.epoll, this.#answered)
      const node = { sockets, listeners, neighbours: inside(netns, () => new Neighbours()) }
      this.#nodes.set(netns, node)
      return node
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EMFILE') throw error
      this.#lost(netns, wordsOf(error as Error))
      return undefined
    }
  }

  #lost(netns: string, why: string): void {
    const node = this.#nodes.get(netns)
    if (this.gone.has(netns)) return
    this.gone.set(netns, why)
    if (!node) return
    this.#nodes.delete(netns)
    this.#drops += dropsOf(node)
    closeNode(node)
    this.#loop!.drop(node.sockets, why)
  }

  /**
   * Opens listeners, each port of a node once, where nothing listens yet.
   * @throws MachineError
   */
  async listen(list: readonly Listening[]): Promise<ReadonlyMap<string, Held>> {
    const loop = this.start(list)
    loop.serve()
    let end = now() + SLICE
    for (const { netns, name, ports } of list) {
      if (now() > end) {
        await turn()
        end = now() + SLICE
        // It may have been closed meanwhile.
        this.start([])
      }
      const isNew = ports.filter(({ protocol, port }) => !this.#held.has(portKey(netns, protocol, port)))
      if (isNew.length === 0) continue
      const node = this.#node(loop, netns)
      const key = ({ protocol, port }: (typeof ports)[number]): string => portKey(netns, protocol, port)
      if (node) inside(netns, () => isNew.forEach((port) => this.#held.set(key(port), node.listeners.listen(port, name))))
      else for (const port of isNew) this.#held.set(key(port), { why: `its namespace cannot be entered: ${this.gone.get(netns)!}` })
    }
    return this.#held
  }

  /**
   * Asks everything at once; answers in the order of the questions.
   * @param onAnswer called with every answer, with how many there are by then
   * @throws MachineError, and Error when it is closed meanwhile
   */
  async ask(list: readonly Put[], onAnswer: (count: number) => void = () => {}): Promise<Answer[]> {
    const loop = this.start([])
    const answers: Answer[] = Array.from({ length: list.length })
    const places = new Map<Pending, number>()
    const byNode = new Map<NodeSockets, Pending[]>()
    list.forEach((put, i) => {
      const { netns, kind } = put.question
      const node = this.#node(loop, netns)
      if (!node) return void (answers[i] = { outcome: 'error', text: this.gone.get(netns)!, ms: 0 })
      const pending = new KINDS[kind](node.sockets, put, loop)
      places.set(pending, i)
      const others = byNode.get(node.sockets)
      if (others) others.push(pending)
      else byNode.set(node.sockets, [pending])
    })
    let count = 0
    await loop.ask(byNode, (pending, answer) => {
      answers[places.get(pending)!] = answer
      onAnswer(++count)
    })
    return answers
  }

  /**
   * Deletes the neighbours these nodes have learned since they were first asked. All namespaces of a machine share one
   * table with room for a thousand (`gc_thresh3`), and packets to who does not fit in are lost.
   */
  async forget(spaces: Iterable<string>): Promise<void> {
    let end = now() + SLICE
    for (const netns of spaces) {
      this.#nodes.get(netns)?.neighbours.forget()
      if (now() < end) continue
      await turn()
      end = now() + SLICE
    }
  }

  /** Packets that were received for these sockets and that there was no room for. */
  get drops(): number {
    return [...this.#nodes.values()].reduce((sum, node) => sum + dropsOf(node), this.#drops)
  }

  /** Ends all of it. What is being asked fails. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#drops = this.drops
    this.#unwatch?.()
    for (const [netns, node] of this.#nodes) {
      closeNode(node)
      if (node.sockets.wasTooBig) forgetPathMtus(netns)
    }
    this.#nodes.clear()
    this.#answered.close()
    this.#loop?.close()
  }
}

const dropsOf = ({ sockets, listeners }: Node): number => sockets.drops + listeners.drops

function closeNode({ sockets, listeners, neighbours }: Node): void {
  sockets.close()
  listeners.close()
  neighbours.close()
}

const DELETED = 'it was deleted'

/** Of a system call's error, the C library's words. */
function wordsOf(error: Error): string {
  const { errno } = error as NodeJS.ErrnoException
  return errno === undefined ? error.message : systemWords(Math.abs(errno))
}
