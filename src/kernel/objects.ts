/**
 * Kernel objects: what the kernel must hold, namespace by namespace. An object describes an end
 * state ("this route exists"), never a command; `diff`, `render`, `observe` and every command that
 * reports on a lab read the same list. Types only: what is known about each kind is in `kinds/`.
 */
export type { KernelObject } from './kinds/index.ts'
export type {
  AskSessions,
  AskWireguard,
  Lease,
  SessionEnd,
  SessionState,
  WireguardDevice,
  WireguardPeer,
  WireguardState,
} from './kinds/kind.ts'
export type { Chain } from './kinds/chain.ts'
export type { Carries, Daemon, DaemonFile, Readiness } from './kinds/daemon.ts'
export type { Ipset } from './kinds/ipset.ts'
export type { Learned } from './kinds/learned.ts'
export type { Process } from './kinds/process.ts'
export type { Route } from './kinds/route.ts'
export type { Session } from './kinds/session.ts'
export type { Sysctl } from './kinds/sysctl.ts'
export type { WireguardConfig } from './kinds/wireguard.ts'
export type { Veth, VethEnd } from './kinds/veth.ts'
export type { BridgePort } from './links/attributes.ts'
export type { Link } from './links/index.ts'
