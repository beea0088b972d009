/**
 * What BIRD says of itself, over its control socket: the sessions it has, and what it does with a route. The protocol is that of
 * birdc: one command a line; each line of an answer begins with a code of four digits and `-`, the last one with a space
 * instead, and lines that go on with the same code begin with a space (doc/reply_codes of BIRD's source).
 */
import { closeSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { AskSessions, Daemon, KernelObject, SessionEnd, SessionState } from '../kernel/objects.ts'
import { daemonDirectory } from './spec.ts'

/** Longest wait for all answers of one daemon, milliseconds: one that was stopped by a signal gives none. */
const patience = 1500

/** Lines of an answer without their codes. */
type Answer = readonly string[]

/**
 * The answers to commands, in their order; undefined when the daemon does not answer.
 * @param dir where records of daemons are kept
 */
export function askBird(dir: string, { id, control }: Daemon, commands: readonly string[]): Promise<readonly Answer[] | undefined> {
  if (control === undefined) return Promise.resolve(undefined)
  let fd: number
  try {
    // The path of a socket has 107 bytes at most, and that of the directory may be longer.
    fd = openSync(daemonDirectory(dir, id), 'r')
  } catch {
    return Promise.resolve(undefined)
  }
  return new Promise((resolve) => {
    const socket = connect({ path: join(`/proc/self/fd/${fd}`, control.bird), timeout: patience })
    const end = (answers?: readonly Answer[]): void => {
      resolve(answers)
      socket.destroy()
    }
    const answers: string[][] = []
    let lines: string[] = []
    let rest = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const whole = (rest + chunk).split('\n')
      rest = whole.pop()!
      for (const line of whole) {
        const [, ending = '', text = ''] = /^(?:\d{4}([- ])| )(.*)$/.exec(line) ?? []
        lines.push(text)
        if (ending !== ' ') continue
        answers.push(lines)
        lines = []
        // Its greeting is the first.
        const command = commands[answers.length - 1]
        if (command === undefined) return end(answers.slice(1))
        socket.write(`${command}\n`)
      }
    })
    socket.on('timeout', () => end())
    socket.on('error', () => end())
    socket.on('close', () => {
      end()
      closeSync(fd)
    })
  })
}

/**
 * Sessions by name, from the answer to `show protocols`: name, type, table, state, since, and for BGP the state of its machine and
 * the last error.
 */
export function sessionsIn(answer: Answer): Map<string, SessionState> {
  const sessions = new Map<string, SessionState>()
  for (const line of answer) {
    const [, name, state, since = '', word = '', error = ''] = /^(\S+) +BGP +\S+ +(\S+) +(\S+) *(\S*) *(.*)$/.exec(line.trimEnd()) ?? []
    if (name === undefined) continue
    // A protocol that was taken down has no state of its own.
    sessions.set(name, { state: word === '' ? `${state} in BIRD` : word, since, ...(error === '' ? {} : { error }) })
  }
  return sessions
}

/** Asks the daemons among these objects about sessions, all at once. */
export function askSessions(dir: string, objects: readonly KernelObject[]): AskSessions {
  return async (ends) => {
    const daemons = new Map(objects.flatMap((o) => (o.kind === 'daemon' ? [[o.id, o] as const] : [])))
    const byDaemon = new Map<string, SessionEnd[]>()
    for (const end of ends) byDaemon.set(end.daemon, [...(byDaemon.get(end.daemon) ?? []), end])
    const states = new Map<SessionEnd, SessionState>()
    await Promise.all(
      [...byDaemon].map(async ([id, own]) => {
        const daemon = daemons.get(id)
        const [answer] = (daemon && (await askBird(dir, daemon, ['show protocols']))) ?? []
        if (!answer) return
        const sessions = sessionsIn(answer)
        for (const end of own) {
          const state = sessions.get(end.name)
          if (state) states.set(end, state)
        }
      }),
    )
    return states
  }
}
