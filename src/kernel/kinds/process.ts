import { Stage, type Common, type ObjectKind } from './kind.ts'

/** A container: a process in a pod's namespaces, started with the lab and ended with it. */
export interface Process extends Common {
  readonly kind: 'process'
  /** Unique in the lab and safe as a file name: `shop.cart.http`. */
  readonly id: string
  readonly hostname: string
  /** The pod as people call it. */
  readonly pod: string
  readonly container: string
  /** Absent: the built-in responder, on the `listen` ports. */
  readonly command?: readonly string[]
  readonly listen: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[]
  /** The pod's addresses, for the container's environment. */
  readonly addresses: readonly string[]
  /** Only ever observed: it was started in a namespace that has been deleted since. */
  readonly inDeletedNamespace?: true
}

export const process: ObjectKind<Process> = {
  kind: 'process',
  key: (o) => `process ${o.id}`,
  describe: (o) => `container ${o.container} of pod ${o.pod}`,
  stage: () => Stage.Processes,
  outlives: true,
  replaceable: () => false,
  // Its line is for messages: what starts it is the object itself.
  reader: (asked) => ({
    finish: ({ started }) =>
      [...new Map(asked.toReversed().map((o) => [o.id, o])).values()].flatMap((o): Process[] => {
        const record = started?.(o)
        if (!record) return []
        const { from: _from, note: _note, ...spec } = (record.spec ?? o) as Process
        return [{ ...spec, ...(record.inDeletedNamespace ? { inDeletedNamespace: true } : {}) }]
      }),
  }),
  render: ({ action, object: o }) => [
    {
      ns: o.ns,
      tool: 'process',
      stage: Stage.Processes,
      text: `${action === 'delete' ? 'stop' : 'start'} ${o.command?.join(' ').replaceAll(/\s+/g, ' ') ?? 'the built-in responder'}`,
    },
  ],
  explain: (field) => (field === 'inDeletedNamespace' ? ['it was started in a namespace that has been deleted since'] : undefined),
}
