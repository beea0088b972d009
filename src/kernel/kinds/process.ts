import { Stage, type Common, type ObjectKind, type Reader } from './kind.ts'

/** A container: a process in the namespaces of a pod or an external, started with the lab and ended with it. */
export interface Process extends Common {
  readonly kind: 'process'
  /** Unique in the lab and safe as a file name: `shop.cart.http`. */
  readonly id: string
  readonly hostname: string
  /** The pod, or the external, as people call it. */
  readonly pod: string
  readonly external?: true
  readonly container: string
  /** Absent: the built-in responder, on the `listen` ports. */
  readonly command?: readonly string[]
  readonly listen: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[]
  /** Addresses of the pod or external, for the container's environment. */
  readonly addresses: readonly string[]
  /** Only ever observed: it was started in a namespace that has been deleted since. */
  readonly inDeletedNamespace?: true
}

/** What containers and daemons have in common: something starts them, and keeps a record of it. */
interface Recorded extends Common {
  readonly id: string
  readonly inDeletedNamespace?: true
}

/** Processes cannot be asked what they were started as: that is on record, and else what was asked for. */
export const fromRecords = <O extends Recorded>(asked: readonly O[]): Reader<O> => ({
  finish: ({ started }) =>
    [...new Map(asked.toReversed().map((o) => [o.id, o])).values()].flatMap((o): O[] => {
      const record = started?.(o)
      if (!record) return []
      const { from: _from, note: _note, ...spec } = (record.spec ?? o) as O
      return [{ ...spec, ...(record.inDeletedNamespace ? { inDeletedNamespace: true } : {}) } as O]
    }),
})

/** A command in one line, for messages. */
export const commandLine = (command: readonly string[]): string => command.join(' ').replaceAll(/\s+/g, ' ')

export const inDeletedNamespace = 'it was started in a namespace that has been deleted since'

export const process: ObjectKind<Process> = {
  kind: 'process',
  key: (o) => `process ${o.id}`,
  describe: (o) => `container ${o.container} of ${o.external ? 'external' : 'pod'} ${o.pod}`,
  stage: () => Stage.Processes,
  elsewhere: true,
  outlives: true,
  replaceable: () => false,
  reader: fromRecords,
  // Its line is for messages: what starts it is the object itself.
  render: ({ action, object: o }) => [
    {
      ns: o.ns,
      tool: 'process',
      stage: Stage.Processes,
      text: `${action === 'delete' ? 'stop' : 'start'} ${o.command ? commandLine(o.command) : 'the built-in responder'}`,
    },
  ],
  explain: (field) => (field === 'inDeletedNamespace' ? [inDeletedNamespace] : undefined),
}
