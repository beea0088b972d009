/** Who says something by itself to who connects: a listener of the test or a built-in container. Other programs may wait for the client. */
import { containerOwners, type ContainerOwner, type Lab } from '../../lab/lab.ts'
import { endpointsBehind } from '../../lab/services/semantics.ts'
import type { Evidence } from '../check-source.ts'
import { actorsOf } from '../test-plan.ts'
import type { Question } from './question.ts'

const LOOPBACK = /^(?:127\.|::1$)/

export class FirstWord {
  readonly #lab: Lab
  readonly #listener: Evidence['listener']
  readonly #netns: ReadonlyMap<string, string>
  /** By namespace. */
  readonly #containers = new Map<string, ContainerOwner['containers']>()
  /** By namespace, address and port. */
  readonly #certain = new Map<string, boolean>()

  /** @param listener who has a port of a node */
  constructor(lab: Lab, listener: Evidence['listener']) {
    this.#lab = lab
    this.#listener = listener
    this.#netns = new Map(actorsOf(lab).flatMap((p) => p.addresses.map((a) => [a.ip, p.netns] as const)))
    for (const { netns, containers } of containerOwners(lab))
      this.#containers.set(netns, [...(this.#containers.get(netns) ?? []), ...containers])
  }

  #spaceOf({ netns, address }: Question): string | undefined {
    return LOOPBACK.test(address) ? netns : this.#netns.get(address)
  }

  /** Whether a listener of ours has the port. */
  isOurs(question: Question): boolean {
    const netns = this.#spaceOf(question)
    return netns !== undefined && this.#listener(netns, 'tcp', question.port) === 'ours'
  }

  /** Whether all that may accept the connection speak by themselves; asked about once all listeners are open. */
  isCertain(question: Question): boolean {
    const { address, port } = question
    const netns = this.#spaceOf(question)
    const key = `${netns ?? address} ${port}`
    let certain = this.#certain.get(key)
    if (certain === undefined) {
      // A host's address and port may be a Service's, too.
      const endpoints = endpointsBehind(this.#lab, address, { protocol: 'tcp', port }, question.netns)
      const ends = endpoints.length > 0 ? endpoints.map((e) => [this.#netns.get(e.ip), e.port] as const) : [[netns, port] as const]
      certain = ends.every(([at, number]) => at !== undefined && this.#speaks(at, number))
      this.#certain.set(key, certain)
    }
    return certain
  }

  #speaks(netns: string, port: number): boolean {
    if (this.#listener(netns, 'tcp', port) === 'ours') return true
    const containers = this.#containers.get(netns) ?? []
    return containers.some((c) => !c.command && c.ports.some((p) => p.containerPort === port && p.protocol === 'TCP'))
  }
}
