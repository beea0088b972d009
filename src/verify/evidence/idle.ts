/** Containers that do not listen where they declare that they do. */
import { nodeName, type HostPod, type Lab } from '../../lab/lab.ts'
import type { Actor } from '../../lab/policy/verdict.ts'
import type { Question } from '../probing/question.ts'
import type { Evidence } from '../check-source.ts'

/** A container that declares a port, and its pod. */
interface Declaring {
  readonly pod: HostPod
  readonly container: HostPod['containers'][number]
}

/** Pods whose containers run in a node's namespace: itself, or those with `hostNetwork` on a host. */
const podsIn = (lab: Lab, node: Actor): readonly HostPod[] =>
  node.kind === 'pod' ? [node] : node.kind === 'host' ? (lab.hostPods ?? []).filter((p) => p.host === node.name) : []

/** The container in a node's namespace that declares a port. */
export function declaring(lab: Lab, node: Actor, kind: Question['kind'], port: number): Declaring | undefined {
  return podsIn(lab, node)
    .flatMap((pod) => pod.containers.map((container) => ({ pod, container })))
    .find(({ container }) => container.ports.some((p) => p.containerPort === port && p.protocol.toLowerCase() === kind))
}

/** Whether an answer calls itself by a node's name, or by that of a pod with `hostNetwork` on it. */
export const isNameOf = (lab: Lab, node: Actor, by: string): boolean => by === nodeName(node) || podsIn(lab, node).some((p) => p.key === by)

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
  const { pod, container } = found
  const state = evidence.readings?.states?.find((s) => s.pod.key === pod.key && s.name === container.name)
  const isIdle = state !== undefined && (state.trouble !== undefined || state.idle.includes(`${port}/${kind}`))
  if (!isPlayed(node, kind, port, evidence) && (answered || !isIdle)) return undefined
  const how = state?.trouble ?? 'does not listen there'
  return `container ${container.name} of ${pod.key} declares ${port}/${kind} but ${how} (netlab logs ${pod.key} --lab ${lab.name})`
}
