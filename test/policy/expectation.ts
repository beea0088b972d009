/**
 * What a case expects, written by hand: lines `deny FROM > TO [PORTS]` and `allow FROM > TO [PORTS]`, the later one
 * counts. What no line speaks of is allowed, and so is always what policies have no say in: a pod to itself, a
 * node and its own pods.
 *
 *   FROM, TO   `x/a`, `x/*`, every `a`, `*` (every pod), `ext`, `node` (another host), `all`; several with commas; `-x/a` takes away
 *   PORTS      `80/tcp`, `tcp`, `udp`, `icmp`, `sctp`, `v4`, `v6`; several with commas; families apart from ports
 */
import { PODS, type Probe, type Setup } from './policy-lab.ts'

export interface Case extends Setup {
  /** The rule of NetworkPolicy that the case shows. */
  readonly teaches: string
  /** Lines, parted by `;`. */
  readonly expect: string
}

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  ext: ['ext'],
  node: ['node-1', 'node-2'],
  '*': PODS,
  all: [...PODS, 'ext', 'node-1', 'node-2'],
}

function names(pattern: string): Set<string> {
  const found = new Set<string>()
  for (const word of pattern.split(',')) {
    const isAway = word.startsWith('-')
    const name = isAway ? word.slice(1) : word
    const [ns, pod] = name.split('/')
    const matched = ALIASES[name] ?? PODS.filter((p) => (ns === '*' || p.startsWith(`${ns}/`)) && (pod === '*' || p.endsWith(`/${pod}`)))
    if (matched.length === 0) throw new Error(`no node is called ${name}`)
    for (const m of matched)
      if (isAway) found.delete(m)
      else found.add(m)
  }
  return found
}

const PORT_WORDS = new Set(['80/tcp', '81/tcp', '80/udp', '81/udp', 'tcp', 'udp', 'icmp', 'sctp', 'v4', 'v6'])

function covers(words: readonly string[], { kind, port, family }: Probe): boolean {
  for (const w of words) if (!PORT_WORDS.has(w)) throw new Error(`no such port: ${w}`)
  const families = words.filter((w) => w.startsWith('v'))
  const ports = words.filter((w) => !w.startsWith('v'))
  return (
    (families.length === 0 || families.includes(`v${family}`)) &&
    (ports.length === 0 || ports.includes(kind) || ports.includes(`${port}/${kind}`))
  )
}

const OWN: Readonly<Record<string, readonly string[]>> = { 'node-1': ['x/a', 'x/b', 'y/c', 'z/c'], 'node-2': ['x/c', 'y/a', 'z/b'] }

/** Whether a probe passes, by the lines. */
export function expected({ expect }: Case): (probe: Probe) => boolean {
  const lines = expect
    .split(';')
    .map((l) => l.trim())
    .filter(Boolean)
    .map((line) => {
      const [, verb, from, to, ports = ''] = /^(allow|deny) (\S+) > (\S+)(?: (\S+))?$/.exec(line) ?? []
      if (verb === undefined) throw new Error(`cannot read: ${line}`)
      return { verb, from: names(from!), to: names(to!), ports: ports.split(',').filter(Boolean) }
    })
  return (probe) => {
    const { from, to } = probe
    if (from === to || OWN[from]?.includes(to) || OWN[to]?.includes(from)) return true
    const last = lines.findLast((l) => l.from.has(from) && l.to.has(to) && covers(l.ports, probe))
    return last?.verb !== 'deny'
  }
}
