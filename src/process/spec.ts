/**
 * What to start, and how a supervisor is told. Pure: no I/O.
 */
import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import type { Daemon } from '../kernel/objects.ts'

/** A port the built-in responder answers on. */
export interface ListenPort {
  readonly port: number
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
}

/** One container: a process in the network namespace of its pod, or of an external. */
export interface ContainerSpec {
  readonly kind?: 'process'
  /** Unique in the lab and safe as a file name: `shop.cart.http`. */
  readonly id: string
  /** Name of the network namespace. */
  readonly ns: string
  /** Host name inside; cut to 63 bytes as Kubernetes does. */
  readonly hostname: string
  /** The pod as it is shown: `cart` in the namespace default, else `shop/cart`; or the external. */
  readonly pod: string
  readonly external?: true
  readonly container: string
  /** Program and arguments, found in PATH, no shell. Without it: the built-in responder. */
  readonly command?: readonly string[]
  /** Ports the responder listens on. A command listens on what it likes. */
  readonly listen: readonly ListenPort[]
  /** Its addresses, for `POD_IPS`. */
  readonly addresses?: readonly string[]
  /** Added to the environment; wins over what is set anyway. */
  readonly env?: Readonly<Record<string, string>>
}

/** What netlab starts and watches: a container, or a daemon. */
export type ProcessSpec = ContainerSpec | Daemon

/** A container or daemon that does not run, and why, in words for the user. */
export interface StartFailure {
  readonly id: string
  readonly message: string
}

/** One process as a supervisor is told of it: nothing is left to decide. */
export interface Launch {
  readonly id: string
  readonly ns: string
  readonly hostname: string
  /** Whom the built-in responder speaks for. */
  readonly pod: string
  /** Where it runs. Outside `/`, what it writes and its log are for root alone. */
  readonly directory: string
  /** Ports of the responder: `8080/tcp`. */
  readonly ports: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Empty: the built-in responder. */
  readonly command: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Names of the variables that are taken over from the environment of netlab. */
export const inherited = ['PATH', 'HOME', 'LANG', 'TERM'] as const

/** The variables netlab itself sets. */
export function ownVariables(spec: ProcessSpec): Record<string, string> {
  if (spec.kind === 'daemon') return { HOSTNAME: hostname(spec) }
  const slash = spec.pod.indexOf('/')
  const addresses = (spec.addresses ?? []).join(',')
  const ofPod = {
    POD_NAME: spec.pod.slice(slash + 1),
    POD_NAMESPACE: slash < 0 ? 'default' : spec.pod.slice(0, slash),
    POD_IPS: addresses,
  }
  return {
    HOSTNAME: hostname(spec),
    ...(spec.external ? { EXTERNAL_IPS: addresses } : ofPod),
    CONTAINER_NAME: spec.container,
    ...spec.env,
  }
}

/** The whole environment of a container or daemon. `outside` is that of netlab. */
export function environment(spec: ProcessSpec, outside: Environment): Record<string, string> {
  const kept = inherited.flatMap((name) => {
    const value = outside[name] ?? (name === 'PATH' ? defaultPath : undefined)
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(kept), ...ownVariables(spec) }
}

/** The kernel takes 64 bytes; Kubernetes cuts at 63 and lets no name end in a dash or dot. */
export function hostname(spec: ProcessSpec): string {
  return spec.hostname.slice(0, 63).replace(/[-.]+$/, '')
}

/** Ports in the notation of the responder: `8080/tcp`. */
export function portArguments(spec: ContainerSpec): string[] {
  return spec.listen.map(({ port, protocol }) => `${port}/${protocol.toLowerCase()}`)
}

/** A daemon's own directory below the one that records are in: its files, and what it makes beside them. */
export const daemonDirectory = (dir: string, id: string): string => join(dir, `${id}.d`)

/** What is executed: of a daemon with few capabilities, the program that takes the others away first. */
export function commandOf(spec: ProcessSpec): readonly string[] {
  if (spec.kind !== 'daemon' || spec.capabilities === undefined) return spec.command ?? []
  const kept = spec.capabilities.map((name) => `,+${name}`).join('')
  return ['setpriv', `--bounding-set=-all${kept}`, '--no-new-privs', '--', ...spec.command]
}

/** @param dir where records are kept @param outside the environment of netlab */
export function launchOf(spec: ProcessSpec, dir: string, outside: Environment): Launch {
  const isDaemon = spec.kind === 'daemon'
  return {
    id: spec.id,
    ns: spec.ns,
    hostname: hostname(spec),
    pod: isDaemon ? spec.node : spec.pod,
    directory: isDaemon ? daemonDirectory(dir, spec.id) : '/',
    ports: isDaemon ? [] : portArguments(spec),
    environment: environment(spec, outside),
    command: commandOf(spec),
  }
}

const isFileName = (name: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)

/** What the user got wrong in a spec, if anything. Names that cannot be file names are bugs and throw. */
export function complaint(spec: ProcessSpec): string | undefined {
  const paths = spec.kind === 'daemon' ? spec.files.flatMap((file) => file.path.split('/')) : []
  for (const name of [spec.id, spec.ns, ...paths]) {
    if (!isFileName(name)) throw new TypeError(`not a file name: ${JSON.stringify(name)}`)
  }
  if (spec.command?.length === 0 || spec.command?.[0] === '') return 'the command is empty'
  const variables = spec.kind === 'daemon' ? [] : Object.entries(spec.env ?? {})
  const bad = variables.find(([name]) => name === '' || name.includes('='))
  if (bad !== undefined) return `not the name of a variable: ${JSON.stringify(bad[0])}`
  const labels = spec.kind === 'daemon' ? [spec.node] : [spec.pod, spec.container]
  const texts = [...(spec.command ?? []), ...variables.flat(), spec.hostname, ...labels]
  if (texts.some((text) => text.includes('\0'))) return 'a NUL byte cannot be passed to a program'
  return undefined
}

/** The stdin of the supervisor; its head comment describes the form. */
export function frame(launches: readonly Launch[]): string {
  const list = (items: readonly string[]) => [String(items.length), ...items]
  const fields = launches.flatMap(({ id, ns, hostname: name, pod, directory, ports, environment: variables, command }) => [
    id,
    ns,
    name,
    pod,
    directory,
    ...list(ports),
    ...list(Object.entries(variables).map(([key, value]) => `${key}=${value}`)),
    ...list(command),
  ])
  return [String(launches.length), ...fields, 'end'].map((field) => field + '\0').join('')
}

/** Splits the stdout of the supervisor into fields as it comes in. */
export function fieldReader(onField: (field: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const fields = (rest + chunk.toString('latin1')).split('\0')
    rest = fields.pop() ?? ''
    // Cut as bytes and decoded as a whole, because a chunk may end inside a character.
    for (const field of fields) onField(Buffer.from(field, 'latin1').toString())
  }
}
