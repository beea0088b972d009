/** Containers that do not listen where they declare that they do. */
import { nodeName, ownersIn, type ContainerOwner, type Lab } from '../../lab/lab.ts'
import type { Actor } from '../../lab/policy/verdict.ts'
import type { Question } from '../probing/question.ts'
import type { Evidence } from '../check-source.ts'

/** A container that declares a port, and whose it is. */
interface Declaring {
  readonly owner: ContainerOwner
  readonly container: ContainerOwner['containers'][number]
}

/** The container in a node's namespace that declares a port. */
export function declaring(lab: Lab, node: Actor, kind: Question['kind'], port: number): Declaring | undefined {
  return ownersIn(lab, node)
    .flatMap((owner) => owner.containers.map((container) => ({ owner, container })))
    .find(({ container }) => container.ports.some((p) => p.containerPort === port && p.protocol.toLowerCase() === kind))
}

/** Whether an answer calls itself by a node's name, or by that of a pod with `hostNetwork` on it. */
export const isNameOf = (lab: Lab, node: Actor, by: string): boolean =>
  by === nodeName(node) || ownersIn(lab, node).some((o) => o.key === by)

/** Whether a listener of the test answers in place of a container that declares the port: the kernel let it have the port. */
const isPlayed = (node: Actor, kind: Question['kind'], port: number, evidence: Evidence): boolean =>
  kind !== 'icmp' && evidence.listener(node.netns, kind, port) === 'ours'

/**
 * Which container of a node does not listen on a port it declares, and why.
 * @param answered who asked was answered: only a listener of the test can have done so then
 */
export function idleContainer(
  lab: Lab,
  node: Actor | undefined,
  { kind, port }: Pick<Question, 'kind' | 'port'>,
  evidence: Evidence,
  answered: boolean,
): string | undefined {
  const found = node && declaring(lab, node, kind, port)
  if (!found) return undefined
  const { owner, container } = found
  const state = evidence.readings?.states?.find((s) => s.owner.key === owner.key && s.name === container.name)
  const isIdle = state !== undefined && (state.trouble !== undefined || state.idle.includes(`${port}/${kind}`))
  if (!isPlayed(node, kind, port, evidence) && (answered || !isIdle)) return undefined
  const how = state?.trouble ?? 'does not listen there'
  return `container ${container.name} of ${owner.key} declares ${port}/${kind} but ${how} (netlab logs ${owner.key} --lab ${lab.name})`
}
