/** Containers that do not listen where they declare that they do. */
import type { Pod } from '../../lab/lab.ts'
import type { Actor } from '../../lab/policy/verdict.ts'
import type { Question } from '../probing/question.ts'
import type { Evidence } from '../check-source.ts'

/** The container of a node that declares a port. */
export function declaring(node: Actor, kind: Question['kind'], port: number): Pod['containers'][number] | undefined {
  if (node.kind !== 'pod') return undefined
  return node.containers.find((c) => c.ports.some((p) => p.containerPort === port && p.protocol.toLowerCase() === kind))
}

/** Whether a listener of the test answers in place of a container that declares the port: the kernel let it have the port. */
const isPlayed = (node: Actor, kind: Question['kind'], port: number, evidence: Evidence): boolean =>
  kind !== 'icmp' && evidence.listener(node.netns, kind, port) === 'ours'

/**
 * Which container of a node does not listen on a port it declares, and why.
 * @param answered who asked was answered: only a listener of the test can have done so then
 */
export function idleContainer(
  node: Actor | undefined,
  { kind, port }: Pick<Question, 'kind' | 'port'>,
  evidence: Evidence,
  answered: boolean,
): string | undefined {
  const container = node && declaring(node, kind, port)
  if (!container || node.kind !== 'pod') return undefined
  const state = evidence.readings?.states?.find((s) => s.pod.key === node.key && s.name === container.name)
  const isIdle = state !== undefined && (state.trouble !== undefined || state.idle.includes(`${port}/${kind}`))
  if (!isPlayed(node, kind, port, evidence) && (answered || !isIdle)) return undefined
  const how = state?.trouble ?? 'does not listen there'
  return `container ${container.name} of ${node.key} declares ${port}/${kind} but ${how} (netlab logs ${node.key})`
}
