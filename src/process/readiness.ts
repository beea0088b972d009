/**
 * Whether a daemon does its work, told from outside: nothing connects to it, for that would be a client it did not
 * ask for. The kernel shows sockets, ports and devices of a process's namespace under /proc/PID/net.
 *
 * Each question is there twice, for netlab and for the script that `netlab plan` prints; one table of tests holds both.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Daemon, Readiness } from '../kernel/objects.ts'
import { quote } from '../kernel/script.ts'
import { daemonDirectory } from './spec.ts'

/** States of sockets in /proc/net (include/net/tcp_states.h): TCP listens; UDP is bound, and connected to nothing. */
const STATES = { tcp: '0A', udp: '07' } as const
/** Flags of a Unix socket in /proc/net/unix that accepts connections (__SO_ACCEPTCON). */
const ACCEPTS = '00010000'

const words = (line: string): string[] => line.trim().split(/\s+/)
const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** Ports in use (`80/tcp`), from the text of /proc/net/tcp, tcp6, udp or udp6 (proc(5)). */
export function portsIn(text: string, protocol: 'tcp' | 'udp'): string[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state] = words(line)
      return state === STATES[protocol] ? [`${Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)}/${protocol}`] : []
    })
}

/**
 * Whether it is so, told from files of /proc/net.
 * @param read text of a file there, empty when there is none
 * @param exists whether a path is there, seen from the daemon's directory
 */
export function isReady(
  ready: Exclude<Readiness, { command: unknown }>,
  read: (name: string) => string,
  exists: (path: string) => boolean,
): boolean {
  if ('file' in ready) return exists(ready.file)
  if ('device' in ready)
    return read('dev')
      .split('\n')
      .some((line) => line.trim().startsWith(`${ready.device}:`))
  if ('socket' in ready)
    return read('unix')
      .split('\n')
      .map(words)
      .some((fields) => fields[3] === ACCEPTS && fields[7] === ready.socket)
  const [protocol, port] = 'tcp' in ready ? (['tcp', ready.tcp] as const) : (['udp', ready.udp] as const)
  return [protocol, `${protocol}6`].some((name) => portsIn(read(name), protocol).includes(`${port}/${protocol}`))
}

/** The same question as a command of a POSIX shell in the daemon's namespace and directory. */
export function readyTest(ready: Readiness): string {
  if ('command' in ready) return ready.command.map(quote).join(' ')
  if ('file' in ready) return `test -e ${quote(ready.file)}`
  if ('device' in ready) return `awk -v name=${quote(`${ready.device}:`)} 'index($1, name) == 1 { f = 1 } END { exit !f }' /proc/net/dev`
  if ('socket' in ready)
    return `awk -v name=${quote(ready.socket)} '$4 == "${ACCEPTS}" && $8 == name { f = 1 } END { exit !f }' /proc/net/unix`
  const [protocol, port] = 'tcp' in ready ? (['tcp', ready.tcp] as const) : (['udp', ready.udp] as const)
  return `cat /proc/net/${protocol}* | awk '$4 == "${STATES[protocol]}" && $2 ~ /:${hex(port)}$/ { f = 1 } END { exit !f }'`
}

/** What is waited for, in words. */
export function readinessText(ready: Readiness): string {
  if ('command' in ready) return `${ready.command.join(' ')} does not end with exit code 0`
  if ('file' in ready) return `there is no file ${ready.file}`
  if ('device' in ready) return `there is no device ${ready.device}`
  if ('socket' in ready) return `no socket ${ready.socket} accepts connections`
  return 'tcp' in ready ? `TCP port ${ready.tcp} is not listened on` : `UDP port ${ready.udp} is not bound`
}

/** Whether a running daemon shows that it does its work; undefined where only a program can tell. */
export function looksReady(dir: string, { id, ready }: Daemon, pid: number): boolean | undefined {
  if ('command' in ready) return undefined
  const read = (name: string): string => {
    try {
      return readFileSync(`/proc/${pid}/net/${name}`, 'utf8')
    } catch {
      return ''
    }
  }
  return isReady(ready, read, (path) => existsSync(path.startsWith('/') ? path : join(daemonDirectory(dir, id), path)))
}
