import { Stage, type Common, type ObjectKind } from './kind.ts'

/** A named network namespace. */
export interface Netns extends Common {
  readonly kind: 'netns'
  /** Only ever observed: the name is there but no namespace behind it, as when `ip netns add` was killed. */
  readonly dead?: true
}

export const netns: ObjectKind<Netns, 'netns'> = {
  kind: 'netns',
  key: (o) => `netns ${o.ns}`,
  describe: (o) => `namespace ${o.ns}`,
  stage: () => Stage.Namespaces,
  provides: (o) => [o.ns],
  outlives: true,
  reader: () => ({
    finish: ({ namespaces }) => namespaces.map(({ ns, dead }): Netns => ({ kind: 'netns', ns, ...(dead ? { dead: true } : {}) })),
  }),
  replaceable: () => false,
  render: ({ action, object: o }) => [
    { tool: 'ip', stage: Stage.Namespaces, text: `netns ${action === 'delete' ? 'delete' : 'add'} ${o.ns}` },
  ],
  features: [{ name: 'netns', purpose: 'every lab', probe: 'true', needs: 'CONFIG_NET_NS' }],
  explain: (field) => (field === 'dead' ? ['there is a file of that name, but no namespace behind it'] : undefined),
}
