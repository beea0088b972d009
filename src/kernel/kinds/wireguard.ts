import { KEYS } from '../tools.ts'
import { Stage, type Common, type ObjectKind, type Piece, type WireguardDevice, type WireguardPeer, type WireguardState } from './kind.ts'

/** Keys and peers of a WireGuard device, be it the kernel's or a program's. */
export interface WireguardConfig extends Common, WireguardState, WireguardDevice {
  readonly kind: 'wireguard'
  readonly ns: string
  /** The node as people call it. */
  readonly node: string
  /** Whose private key it has: its own host's. */
  readonly key: string
}

/** Whether a peer is called by its key: names of hosts have no capital letters and no `=`. */
const isKey = (name: string): boolean => name.endsWith('=')

const publicKey = (name: string, keys: string): string => (isKey(name) ? name : `"$(cat ${keys}/${name}.pub)"`)

const configure = (o: WireguardConfig, words: readonly string[]): Piece => ({
  ns: o.ns,
  tool: 'wg',
  stage: Stage.Peers,
  text: words.join(' '),
})

/** A line that calls `wg`, and what the keys' directory is called there. */
function line(o: WireguardConfig, words: (keys: string) => readonly string[]): Piece {
  const { program } = o
  if (!program) return configure(o, ['wg', 'set', o.dev, ...words(KEYS)])
  return configure(o, [`(cd ${program.daemon}.d && sh ${program.control} wg set ${o.dev}`, `${words(`../${KEYS}`).join(' ')})`])
}

const peerWords = (name: string, { endpoint, allowedIPs }: WireguardPeer, keys: string): string[] => [
  'peer',
  publicKey(name, keys),
  'preshared-key /dev/null',
  ...(endpoint === undefined ? [] : ['endpoint', endpoint]),
  'persistent-keepalive off',
  `allowed-ips ${allowedIPs.join(',')}`,
]

/** The host's key pair: made once, and kept for as long as the lab is there. */
const keyPair = (o: WireguardConfig): Piece[] =>
  [
    `[ -s ${KEYS}/${o.key}.key ] || wg genkey >${KEYS}/${o.key}.key`,
    `chmod 0600 ${KEYS}/${o.key}.key && wg pubkey <${KEYS}/${o.key}.key >${KEYS}/${o.key}.pub`,
  ].map((text) => ({ ns: o.ns, tool: 'wg', stage: Stage.Keys, text }))

const named = (name: string): string => (isKey(name) ? `a peer with the key ${name}` : `peer ${name}`)

export const wireguard: ObjectKind<WireguardConfig, 'wireguard-go'> = {
  kind: 'wireguard',
  key: (o) => `wireguard ${o.ns} ${o.dev}`,
  describe: (o) => `WireGuard on ${o.dev} of ${o.node}`,
  stage: () => Stage.Peers,
  device: (o) => o.dev,
  elsewhere: true,
  replaceable: () => true,
  render(change) {
    const { action, object: o } = change
    // What was agreed on with another key is worth nothing: peers that are made anew have no session, and so begin one.
    const before = change.action === 'replace' ? change.before : undefined
    const gone = Object.keys(before?.peers ?? {}).filter((name) => before?.key !== o.key || !(name in o.peers))
    const removed = (names: readonly string[], keys: string): string[] => names.flatMap((name) => ['peer', publicKey(name, keys), 'remove'])
    if (action === 'delete') return [line(o, (keys) => ['private-key /dev/null', ...removed(Object.keys(o.peers), keys)])]
    return [
      ...keyPair(o),
      ...(o.program ? [configure(o, [`ip link set dev ${o.dev} mtu ${o.program.mtu}`])] : []),
      line(o, (keys) => [
        `listen-port ${o.port} private-key ${keys}/${o.key}.key`,
        ...removed(gone, keys),
        ...Object.entries(o.peers).flatMap(([name, peer]) => peerWords(name, peer, keys)),
      ]),
    ]
  },
  reader: (asked) => ({
    finish: async ({ wireguard: ask }) => {
      if (!ask || asked.length === 0) return []
      const states = await ask(asked)
      return asked.flatMap((o): WireguardConfig[] => {
        const { from: _from, note: _note, ...same } = o
        const state = states.get(o)
        return state ? [{ ...same, ...state }] : []
      })
    },
  }),
  features: [
    {
      name: 'wireguard-go',
      purpose: 'encrypted tunnels by a program, where the kernel has no WireGuard',
      probe: 'wireguard-go --version',
      needs: 'packages wireguard-go and wireguard-tools',
      tools: ['wireguard-go', 'wg'],
    },
  ],
  explain(field, { peers, key }) {
    if (field === 'key') return [`it has ${key}`]
    const [, name, what] = /^peers\.(.*?)(?:\.(endpoint|allowedIPs|keepalive|preshared))?$/.exec(field) ?? []
    if (name === undefined) return undefined
    const peer = peers[name]
    if (!peer) return [`${named(name)} is missing`]
    if (what === undefined) return [`${named(name)} was not asked for`]
    if (what === 'preshared') return [`${named(name)} has a preshared key`]
    if (what === 'allowedIPs') return [`${named(name)} has the allowed IPs ${peer.allowedIPs.join(', ') || 'none'}`]
    return undefined
  },
  absence: () => ['it does not answer, or has no key'],
}
