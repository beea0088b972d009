/** `netlab exec` and `netlab shell`: a process in a node's namespace. */
// Not execa: the streams are the user's own, so it would add nothing but the time that importing it takes.
import { quoteLine } from '../../../kernel/script.ts'
import { upCommand } from '../../../state/up-command.ts'
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { enterArgv } from '../../../netns/namespace-pool.ts'
import { findTool } from '../../../kernel/features/probe.ts'
import { type Lab, type Node, nodeName } from '../../../lab/lab.ts'
import { namedNamespace } from '../../../process/proc.ts'
import { Exit, failure } from '../../failure.ts'
import { theLab, theNode, titleOf } from '../../labs.ts'
import { requireRoot } from '../../machine.ts'
import { say } from '../../../report/formats/terminal.ts'

interface NodeOptions {
  readonly lab?: string
}

/**
 * Besides the network namespace: a host name, and a /sys of the node's own (/sys/class/net shows the namespace
 * it was mounted in), as containers and `ip netns exec` have. Mounts are slaves: a private copy of /run/netns
 * would keep deleted namespaces alive.
 */
const INSIDE = 'hostname "$1" 2>/dev/null; mount -t sysfs sysfs /sys 2>/dev/null; shift; exec "$@"'

function insideArgv(ns: string, hostname: string, argv: readonly string[]): string[] {
  return enterArgv(ns, ['unshare', '--mount', '--propagation', 'slave', '--uts', 'sh', '-c', INSIDE, 'sh', hostname, ...argv])
}

/** Signals sent to netlab are meant for the command; those of the terminal reach it anyway. */
const RELAYED = ['SIGTERM', 'SIGHUP'] as const

function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { stdio: 'inherit', env })
    for (const signal of RELAYED) process.on(signal, () => child.kill(signal))
    process.on('SIGINT', () => {})
    process.on('SIGQUIT', () => {})
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/**
 * Commander hands everything after the node over as it is. What stands before `--` is still ours, so that
 * `exec NODE --lab NAME -- COMMAND` works as well as `exec --lab NAME NODE -- COMMAND`.
 */
function split(words: readonly string[], options: NodeOptions): { command: readonly string[]; lab: string | undefined } {
  let { lab } = options
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') return { command: words.slice(at + 1), lab }
    if (word.startsWith('--lab=')) lab = word.slice('--lab='.length)
    else if (word === '--lab' && words[at + 1] !== undefined) lab = words[++at]
    else if (word.startsWith('-'))
      throw failure(Exit.Usage, 'command-line', `unknown option '${word}'`, 'Put -- before the command: netlab exec NODE -- COMMAND.')
    else break
  }
  return { command: words.slice(at), lab }
}

/** @throws Failure when it was deleted by other means than netlab. */
function requireNamespace(node: Node, lab: Lab): void {
  if (namedNamespace(node.netns) !== undefined) return
  throw failure(
    Exit.Broken,
    'namespace-gone',
    `the namespace of ${nodeName(node)}, ${node.netns}, does not exist any more`,
    `${upCommand(lab)} makes it again.`,
  )
}

export async function exec(word: string, words: readonly string[], options: NodeOptions): Promise<void> {
  const { command, lab: labName } = split(words, options)
  if (command.length === 0)
    throw failure(
      Exit.Usage,
      'no-command',
      `there is nothing to run in ${word}`,
      `netlab exec ${quoteLine(word)} -- COMMAND, or netlab shell ${quoteLine(word)}`,
    )
  const { lab } = theLab(labName)
  const node = theNode(lab, word)
  requireRoot('exec')
  requireNamespace(node, lab)
  if (!command[0]!.includes('/') && !findTool(command[0]!)) {
    throw failure(Exit.Machine, 'command-not-found', `${command[0]}: command not found`, 'A node has the programs of this machine.')
  }
  process.exitCode = await run(insideArgv(node.netns, node.name, command), process.env)
}

export async function shell(word: string, options: NodeOptions): Promise<void> {
  const { lab } = theLab(options.lab)
  const node = theNode(lab, word)
  requireRoot('shell')
  requireNamespace(node, lab)
  const prompt = `${lab.name}.${nodeName(node)}# `
  const bash = findTool('bash')
  const argv = bash ? [bash, '--norc', '-i'] : ['/bin/sh', '-i']
  if (process.stdin.isTTY) say(`${titleOf(node)}: ${'addresses' in node ? node.addresses.map((a) => a.ip).join(' ') : ''} (exit leaves)`)
  process.exitCode = await run(insideArgv(node.netns, node.name, argv), { ...process.env, PS1: prompt })
}
