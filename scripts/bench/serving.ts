// Five hundred pods that answer on a port: what one costs in memory, and how long they take to come up.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { Row, Setting } from './benchmark.ts'
import { lab, namespacesOf } from './labs.ts'
import { measure } from './measure.ts'
import { ratio, summarize } from './stats.ts'
import { netnsFile } from '../../src/netns/paths.ts'

const HOSTS = 10
const PODS = 500
const PORT = 80

export const needsRoot = true
export const title = `${PODS} serving pods on ${HOSTS} hosts`

const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)

/** Processes inside the lab's namespaces, and what started them: the supervisor stays outside. */
function processesOf(name: string): string[] {
  const inodes = new Set(namespacesOf(name).map((ns) => statSync(netnsFile(ns)).ino))
  const parents = new Set<string>()
  const inside = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      if (!inodes.has(number(readlinkSync(`/proc/${pid}/ns/net`), /\[(\d+)\]/))) return false
      parents.add(String(number(readFileSync(`/proc/${pid}/status`, 'utf8'), /PPid:\s+(\d+)/)))
      return true
    } catch {
      return false // It has just ended, or is a kernel thread.
    }
  })
  parents.delete('1')
  return [...new Set([...inside, ...parents])]
}

/** Memory of processes, pages that several share divided among them (PSS), bytes. */
const proportional = (pids: readonly string[]): number =>
  pids.reduce((sum, pid) => sum + number(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), /^Pss:\s+(\d+)/m) * 1024, 0)

/** Asks the last pod from the first; throws when it does not answer with its name. */
async function ask(netlab: string, name: string): Promise<void> {
  const { stdout } = await measure([netlab, 'inspect', name, '--json'], { stdout: true })
  const [, address] = /"(10\.244\.[\d.]+)"/.exec(stdout.slice(stdout.indexOf(`pod-${PODS}"`)))!
  const client = `use IO::Socket::INET; my $s = IO::Socket::INET->new("${address}:${PORT}") or die "$!\\n"; print <$s>`
  const answer = await measure([netlab, 'exec', '--lab', name, 'pod-1', '--', 'perl', '-e', client], { stdout: true })
  if (!answer.stdout.includes(`pod-${PODS}`)) throw new Error(`pod-${PODS} answered ${JSON.stringify(answer.stdout)}`)
}

export async function run({ netlab, runs, say, drainedTurn }: Setting): Promise<Row[]> {
  const command = (...words: string[]): string[] => [netlab, ...words]
  const shape = (containers: object): object => ({ hosts: { node: { replicas: HOSTS } }, pods: { pod: { replicas: PODS, ...containers } } })
  const serving = lab('serving', shape({ containers: [{ name: 'web', ports: [{ containerPort: PORT }] }] }))
  const silent = lab('silent', shape({}))
  const took: Record<'serving' | 'silent' | 'down', number[]> = { serving: [], silent: [], down: [] }
  const memory: number[] = []
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    const without = await drainedTurn(async () => {
      const up = await measure(command('up', silent.file))
      await measure(command('down', silent.name))
      return up
    })
    const withThem = await drainedTurn(async () => {
      const up = await measure(command('up', serving.file))
      if (round === 0) await ask(netlab, serving.name)
      memory.push(proportional(processesOf(serving.name)) / PODS)
      return { up, down: await measure(command('down', serving.name)) }
    })
    took.silent.push(without.wall)
    took.serving.push(withThem.up.wall)
    took.down.push(withThem.down.wall)
  }
  return [
    {
      what: 'memory a pod (PSS, supervisor included)',
      value: summarize(memory),
      unit: 'MB',
      goal: { text: '≤ 3 MB', met: (r) => r.value <= 3e6 },
    },
    {
      what: '`up`',
      value: summarize(took.serving),
      unit: 's',
      than: { name: 'the same pods without containers', value: summarize(took.silent) },
      ratio: ratio(took.serving, took.silent),
    },
    { what: '`down`', value: summarize(took.down), unit: 's' },
  ]
}
