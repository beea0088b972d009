/** Every container of the topology runs or ended well, and listens on the ports that it declares. */
import type { ContainerState } from '../../evidence/containers.ts'
import { Tally, type Failing } from '../../evidence/tally.ts'
import type { Check } from '../../check.ts'

const failing = ({ owner, name }: ContainerState, what: string): Failing => ({
  from: owner.key,
  detail: `container ${name} ${what}`,
  source: owner.source,
  reproduce: ['logs', owner.key, '--container', name],
})

export function evaluateContainers(states: readonly ContainerState[]): Check[] {
  const run = new Tally('model', 'containers-run', 'every container runs, or ended with code 0')
  const listen = new Tally('model', 'containers-listen', 'a container listens on the TCP and UDP ports it declares')
  for (const state of states) {
    const { trouble, isDone } = state
    run.add(trouble === undefined || isDone ? undefined : failing(state, trouble))
    // Of one that crashed there is nothing more to say.
    if (trouble !== undefined && !isDone) continue
    for (const port of state.declared)
      listen.add(
        trouble !== undefined || state.idle.includes(port)
          ? { ...failing(state, `declares ${port} but ${trouble ?? 'does not listen there'}`), port }
          : undefined,
      )
  }
  const done = states.filter((s) => s.isDone).length
  return [
    ...run.checks(done > 0 ? `container, ${done} of them ended with code 0` : 'container', 'there are no containers'),
    ...listen.checks('port', 'no running container declares a TCP or UDP port'),
  ]
}
