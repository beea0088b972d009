import { Stage, type Common, type ObjectKind, type SessionEnd, type SessionState } from './kind.ts'

/** One end of a session, and the node that it is on as people call it. */
export interface NamedEnd extends SessionEnd {
  readonly node: string
}

/**
 * A session over which two daemons tell each other routes. It is never made, but waited for and compared: the daemons are asked.
 */
export interface Session extends Common {
  readonly kind: 'session'
  /** What they speak: `BGP`. */
  readonly protocol: string
  readonly ends: readonly [NamedEnd, NamedEnd]
  /** Only ever observed: how it is where it is not established. */
  readonly down?: SessionState
}

/** The state of a session that works (RFC 4271, section 8.2.2). */
export const ESTABLISHED = 'Established'

/** `BGP session node-1–node-3`. */
const title = ({ protocol, ends }: Session): string => `${protocol} session ${ends[0].node}–${ends[1].node}`

/** `is Active: Socket: Connection refused`. */
export const stateText = ({ state, error }: SessionState): string => `is ${state}${error === undefined ? '' : `: ${error}`}`

/** How much the last error of an end explains: one of the connection (BIRD says `Socket: …`) often only follows from the protocol's. */
const weightOf = ({ error }: SessionState): number => (error === undefined ? 0 : error.startsWith('Socket') ? 1 : 2)

/** What two ends come to: nothing where both say that it is established. Of several troubles the one that says why. */
export function sessionDown(states: readonly (SessionState | undefined)[]): SessionState | undefined {
  const down = states.filter((s) => s !== undefined && s.state !== ESTABLISHED)
  return down.toSorted((a, b) => weightOf(b!) - weightOf(a!))[0]
}

export const session: ObjectKind<Session> = {
  kind: 'session',
  key: ({ ends }) => `session ${ends[0].daemon} ${ends[1].daemon}`,
  describe: title,
  stage: () => Stage.Learned,
  awaited: () => true,
  elsewhere: true,
  replaceable: () => true,
  render: () => [],
  reader: (asked) => ({
    finish: async ({ sessions }) => {
      if (!sessions || asked.length === 0) return []
      const states = await sessions(asked.flatMap((o) => o.ends))
      return asked.flatMap(({ from: _from, note: _note, ...o }): Session[] => {
        const said = o.ends.map((end) => states.get(end))
        if (said.every((s) => s === undefined)) return []
        const down = sessionDown(said)
        return [down ? { ...o, down } : o]
      })
    },
  }),
  explain: (field, { down }) => (field.startsWith('down') && down ? [stateText(down)] : undefined),
  absence: ({ ends }) => [`neither ${ends[0].daemon} nor ${ends[1].daemon} answers`],
}
