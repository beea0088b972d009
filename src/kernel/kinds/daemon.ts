import { commandLine, fromRecords, inDeletedNamespace } from './process.ts'
import { Stage, type AnyObject, type Common, type ObjectKind } from './kind.ts'

/** A file that a daemon reads. Only root may read it unless `mode` says otherwise. */
export interface DaemonFile {
  /** Relative to the daemon's own directory: `bird.conf`. */
  readonly path: string
  readonly content: string
  /** Permissions in octal, `0600` when absent. */
  readonly mode?: string
}

/** What shows that a daemon does its work. */
export type Readiness =
  /** Name of a Unix socket that accepts connections, as the daemon's configuration spells it. */
  | { readonly socket: string }
  /** A port that is listened on, or bound. */
  | { readonly tcp: number }
  | { readonly udp: number }
  /** A network device in the daemon's namespace. */
  | { readonly device: string }
  /** A file that exists. */
  | { readonly file: string }
  /** A program that ends with exit code 0. */
  | { readonly command: readonly string[] }

/** How a daemon takes in changed files without being restarted. */
export type Reload = { readonly signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' } | { readonly command: readonly string[] }

/** What a daemon makes by itself: in its namespace such objects are not unexpected. */
export type Owned =
  /** Routes of a protocol, in the words of iproute2: `bird` for `proto bird`. */
  | { readonly routes: string }
  /** A device, with all addresses, routes and entries on it. */
  | { readonly device: string }
  /** Neighbours and FDB entries on a device that it does not make. */
  | { readonly entries: string }
  /** iptables chains and ipsets whose names begin so. */
  | { readonly chains: string }

/** A program that takes packets from a device and sends them to other hosts in UDP, one a datagram, and the other way round. */
export interface Carries {
  /** The device, of the same namespace. */
  readonly device: string
  /** UDP port, on every host. */
  readonly port: number
  /** The one of its files that says where packets go: a network and the address of its host a line, as `10.244.1.0/24 192.168.50.12`. */
  readonly table: string
}

/**
 * A program that runs as long as the lab does and changes the network by itself: BIRD, a DNS server. It is started in a
 * directory of its own, which its files are in and which relative paths in `command`, `ready` and `reload` refer to.
 */
export interface Daemon extends Common {
  readonly kind: 'daemon'
  /** Unique in the lab and safe as a file name: `node-1.bird`. */
  readonly id: string
  readonly hostname: string
  /** The node as people call it. */
  readonly node: string
  /** The program as people call it: `bird`. */
  readonly program: string
  /** Program and arguments, found in PATH, no shell. It must stay in the foreground. */
  readonly command: readonly string[]
  readonly files: readonly DaemonFile[]
  readonly ready: Readiness
  /** Absent: changed files need a restart. */
  readonly reload?: Reload
  readonly owns?: readonly Owned[]
  /** A directory in its own that stays when it is started again after its end: a database. */
  readonly keeps?: string
  /** Where it says how its sessions are: name of BIRD's control socket, as `command` spells it. */
  readonly control?: { readonly bird: string }
  /** How it carries packets of a device to other hosts, if that is its work. */
  readonly carries?: Carries
  /** All that it may do as root, in the words of capabilities(7): `net_admin`. Absent: everything. */
  readonly capabilities?: readonly string[]
  /** Only ever observed: its files were changed, and it has not read them yet. */
  readonly pending?: true
  /** Only ever observed: it runs, but `ready` does not hold. */
  readonly unready?: true
  /** Only ever observed: it was started in a namespace that has been deleted since. */
  readonly inDeletedNamespace?: true
}

/** What can be changed while it runs: its files, if it can be told of them, and what only netlab looks at. */
const IN_PLACE = /^(files|pending|owns|keeps|(ready|reload|control|carries)(\..*)?)$/

export const daemon: ObjectKind<Daemon, 'bird' | 'etcd'> = {
  kind: 'daemon',
  key: (o) => `daemon ${o.id}`,
  describe: (o) => `${o.program} on ${o.node}`,
  stage: () => Stage.Daemons,
  elsewhere: true,
  outlives: true,
  provides: (o) => (o.owns ?? []).flatMap((owned) => ('device' in owned ? [`${o.ns} ${owned.device}`] : [])),
  replaceable: (_before, after, fields) => after.reload !== undefined && fields.every((field) => IN_PLACE.test(field)),
  reader: fromRecords,
  // Its line is for messages: what is started or told is the object itself.
  render: ({ action, object: o }) => {
    const verb = action === 'create' ? 'start' : action === 'replace' ? 'reload' : 'stop'
    return [
      { ns: o.ns, tool: action === 'replace' ? 'reload' : 'process', stage: Stage.Daemons, text: `${verb} ${commandLine(o.command)}` },
    ]
  },
  explain(field) {
    switch (field) {
      case 'inDeletedNamespace':
        return [inDeletedNamespace]
      case 'pending':
        return ['its files were changed, and it has not read them']
      case 'unready':
        return ['it runs, but is not ready']
      case 'files':
        return ['its files are not as netlab wrote them']
      default:
        return undefined
    }
  },
  features: [
    {
      name: 'bird',
      purpose: 'routes learned by BGP',
      // BIRD 1 knows no tables of one family, and is another program for each.
      probe: "printf 'router id 192.0.2.1; ipv4 table probe; protocol device { }\\n' | bird -p -c /dev/stdin",
      needs: 'package bird2 (BIRD 2)',
      tools: ['bird', 'birdc'],
    },
    {
      name: 'etcd',
      purpose: 'routes from leases in etcd',
      probe: 'etcd --version',
      needs: 'package etcd-server (etcd 3.4 or newer); etcd-client has etcdctl',
      tools: ['etcd', 'bridge'],
    },
  ],
  owns: (o, other) =>
    other.ns === o.ns && ((other.kind === 'session' && o.control !== undefined) || (o.owns ?? []).some((owned) => isOwned(owned, other))),
}

function isOwned(owned: Owned, other: AnyObject): boolean {
  if ('routes' in owned) return (other.kind === 'route' || other.kind === 'learned') && other.protocol === owned.routes
  if ('entries' in owned) return (other.kind === 'neighbour' || other.kind === 'fdb') && other.dev === owned.entries
  if ('device' in owned) return (other.dev ?? other.name) === owned.device
  return (other.kind === 'chain' ? other.chain : other.kind === 'ipset' ? other.name : undefined)?.startsWith(owned.chains) ?? false
}
