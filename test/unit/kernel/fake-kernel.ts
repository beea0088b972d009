/**
 * A kernel that lives in memory and is stricter than the real one. It takes rendered batches line by line, as
 * iproute2, sysctl, ipset and iptables-restore would, and refuses what could not be done at that moment: a route
 * on a device that is not there, a name that is taken, a chain that something still jumps to. What it holds in
 * the end are kernel objects again.
 */
import type { Batch } from '../../../src/kernel/batch.ts'
import {
  deviceOf,
  keyOf,
  type BridgePort,
  type Chain,
  type Ipset,
  type KernelObject,
  type Link,
  type Veth,
  type VethEnd,
} from '../../../src/kernel/objects.ts'

/** The object without what only people read. */
export function content(o: KernelObject): string {
  const sorted = (_: string, v: unknown): unknown =>
    v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).toSorted()) : v
  const { from: _from, note: _note, ...rest } = o
  return JSON.stringify(rest, sorted)
}

/** Contents by key. */
export const stateOf = (objects: readonly KernelObject[]): Map<string, string> => new Map(objects.map((o) => [keyOf(o), content(o)]))

type Device = {
  ns: string
  name: string
  up: boolean
  mac?: string
  mtu?: number
  port?: BridgePort
  peer?: Device
  near?: boolean
  link?: Link
  dying?: true
}

const TARGETS = new Set(['RETURN', 'ACCEPT', 'DROP', 'REJECT', 'MASQUERADE', 'DNAT', 'SNAT', 'MARK'])
const HOOKS = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])

export class FakeKernel {
  readonly #spaces = new Set<string>()
  readonly #devices = new Map<string, Device>()
  readonly #things = new Map<string, KernelObject>()

  /** @param objects what it holds already; must make sense */
  constructor(objects: readonly KernelObject[] = []) {
    for (const o of objects) this.#hold(o)
  }

  #hold(o: KernelObject): void {
    if (o.kind === 'netns') this.#spaces.add(o.ns)
    else if (o.kind === 'link') {
      const { down, ...link } = o
      this.#devices.set(`${o.ns} ${o.name}`, {
        ns: o.ns,
        name: o.name,
        up: !down,
        link: link as Link,
        ...('mac' in o ? { mac: o.mac } : {}),
        ...('mtu' in o ? { mtu: o.mtu } : {}),
      })
    } else if (o.kind === 'veth') this.#pair(o)
    else this.#things.set(keyOf(o), o)
  }

  #pair({ peer, ...near }: Veth): void {
    const end = ({ ns, name, mac, mtu, port, down }: VethEnd): Device => ({
      ns,
      name,
      mac,
      mtu,
      up: !down,
      ...(port ? { port: { ...port } } : {}),
    })
    const [a, b] = [end(near), end(peer)]
    Object.assign(a, { peer: b, near: true })
    b.peer = a
    for (const d of [a, b]) this.#devices.set(`${d.ns} ${d.name}`, d)
  }

  /** Everything it holds. */
  objects(): KernelObject[] {
    for (const d of this.#devices.values()) if (d.dying) this.#gone(d)
    const end = (d: Device): VethEnd => ({
      ns: d.ns,
      name: d.name,
      mac: d.mac!,
      mtu: d.mtu!,
      ...(d.port ? { port: d.port } : {}),
      ...(d.up ? {} : { down: true }),
    })
    const devices = [...this.#devices.values()].flatMap((d): KernelObject[] => {
      if (d.link)
        return [
          {
            ...d.link,
            ...('mac' in d.link ? { mac: d.mac! } : {}),
            ...('mtu' in d.link ? { mtu: d.mtu! } : {}),
            ...(d.up ? {} : { down: true }),
          } as Link,
        ]
      return d.near ? [{ kind: 'veth', ...end(d), peer: end(d.peer!) }] : []
    })
    return [...[...this.#spaces].map((ns): KernelObject => ({ kind: 'netns', ns })), ...devices, ...this.#things.values()]
  }

  /** Runs batches in order. @throws at the first line that cannot be done */
  run(batches: readonly Batch[]): this {
    for (const b of batches) {
      for (const [i, { text, object }] of b.lines.entries()) {
        try {
          if (b.ns !== undefined) this.#must(this.#spaces.has(b.ns), 'no such namespace')
          this.#line(b, text, object)
        } catch (cause) {
          throw new Error(`${b.tool} in ${b.ns ?? 'the machine'}, line ${i + 1}: ${text}: ${(cause as Error).message}`, { cause })
        }
      }
    }
    return this
  }

  #must(condition: unknown, why: string): asserts condition {
    if (!condition) throw new Error(why)
  }

  #device(ns: string, name: string): Device {
    const d = this.#devices.get(`${ns} ${name}`)
    this.#must(d && !d.dying, `no device ${name}`)
    return d
  }

  #line(b: Batch, text: string, object: KernelObject): void {
    const ns = b.ns ?? ''
    switch (b.tool) {
      case 'process':
        if (b.removes) this.#must(this.#things.delete(keyOf(object)), 'no such process')
        else this.#add(object)
        return
      case 'sysctl':
        return this.#thing('replace', object, text)
      case 'iptables-restore':
      case 'ip6tables-restore':
        return this.#rules(object as Chain, text)
      case 'ipset':
        return this.#set(object as Ipset, text)
      default:
        return this.#ip(ns, text.split(' '), object)
    }
  }

  #add(o: KernelObject): void {
    this.#must(!this.#things.has(keyOf(o)), 'exists')
    this.#things.set(keyOf(o), o)
  }

  /** Objects whose one line says it all: what matters is whether it can be done now. */
  #thing(verb: string | undefined, o: KernelObject, text: string): void {
    const dev = deviceOf(o)
    if (verb === 'delete') return this.#must(this.#things.delete(keyOf(o)), 'there is none')
    if (dev !== undefined) {
      this.#must(this.#device(o.ns, dev).up || o.kind === 'sysctl' || o.kind === 'address', `${dev} is down`)
      this.#must(o.kind === 'sysctl' || text.includes(` dev ${dev}`), 'names another device')
    }
    if (verb === 'add') this.#must(!this.#things.has(keyOf(o)), 'exists')
    this.#things.set(keyOf(o), o)
  }

  #ip(ns: string, line: string[], object: KernelObject): void {
    const words = line[0] === 'link' && line[2] === 'dev' ? line.toSpliced(2, 1) : line
    const [what, verb, name] = words as [string, string, string]
    if (what === 'netns') {
      if (verb === 'add') {
        this.#must(!this.#spaces.has(name), 'exists')
        this.#spaces.add(name)
        return
      }
      this.#must(this.#spaces.delete(name), 'no such namespace')
      for (const d of this.#devices.values()) {
        if (d.ns !== name) continue
        // What reaches into another namespace stays in the way there until the kernel gets to it.
        if (d.peer && d.peer.ns !== name) Object.assign(d.peer, { dying: true, peer: undefined })
        delete d.peer
        this.#gone(d)
      }
      for (const [key, o] of this.#things) if (o.ns === name) this.#things.delete(key)
      return
    }
    if (what !== 'link') return this.#thing(verb, object, words.join(' '))
    const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
    if (verb === 'add') return this.#linkAdd(ns, name, object, after)
    if (verb === 'delete') return this.#gone(this.#device(ns, name))
    if (name === 'lo' && !this.#devices.has(`${ns} lo`)) this.#hold({ ...object, down: true } as Link)
    const d = this.#device(ns, name)
    if (words.includes('up')) d.up = true
    if (after('mtu')) d.mtu = Number(after('mtu'))
    if (after('address')) d.mac = after('address')!
    if (words.includes('nomaster')) delete d.port
    const master = after('master')
    if (master) {
      this.#must(this.#device(ns, master).link?.type === 'bridge', `${master} is no bridge`)
      d.port = { master }
    }
    if (words.includes('hairpin')) {
      this.#must(d.port, 'not a port')
      d.port = { master: d.port.master, ...(after('hairpin') === 'on' ? { hairpin: true } : {}) }
    }
  }

  #linkAdd(ns: string, name: string, o: KernelObject, after: (word: string) => string | undefined): void {
    this.#must(!this.#devices.has(`${ns} ${name}`), 'exists')
    if (o.kind === 'link') {
      if (o.type === 'vxlan') this.#device(ns, o.dev)
      return this.#hold(o)
    }
    this.#must(o.kind === 'veth' && after('netns') === o.peer.ns && after('peer') === 'name', 'not what the object is')
    this.#must(this.#spaces.has(o.peer.ns), `no namespace ${o.peer.ns}`)
    this.#must(!this.#devices.has(`${o.peer.ns} ${o.peer.name}`), 'the other end exists')
    const master = after('master')
    if (master) this.#must(this.#device(ns, master).link?.type === 'bridge', `${master} is no bridge`)
    const { port: _far, ...peer } = o.peer
    const { port: _near, ...near } = o
    this.#pair({ ...near, ...(master ? { port: { master } } : {}), peer: { ...peer, down: true } })
  }

  /** A device goes, and with it its other end, what rides on it, and what lives on any of them. */
  #gone(d: Device): void {
    if (!this.#devices.delete(`${d.ns} ${d.name}`)) return
    for (const [key, o] of this.#things) if (o.ns === d.ns && deviceOf(o) === d.name) this.#things.delete(key)
    for (const other of this.#devices.values()) {
      if (other.ns !== d.ns) continue
      if (other.port?.master === d.name) delete other.port
      if (other.link?.type === 'vxlan' && other.link.dev === d.name) this.#gone(other)
    }
    if (d.peer) this.#gone(d.peer)
  }

  #rules(o: Chain, text: string): void {
    const here = (chain: string): string => keyOf({ ...o, chain })
    const get = (chain: string): Chain | undefined => this.#things.get(here(chain)) as Chain | undefined
    const put = (chain: string, rules: readonly string[]): void => {
      const builtin = HOOKS.has(chain)
      if (builtin && rules.length === 0) this.#things.delete(here(chain))
      else this.#things.set(here(chain), { kind: 'chain', ns: o.ns, family: o.family, table: o.table, chain, builtin, rules })
    }
    if (text.startsWith('*')) return this.#must(text === `*${o.table}`, 'another table')
    if (text === 'COMMIT') return
    const [verb, chain = ''] = text.startsWith(':') ? [':', text.slice(1).split(' ')[0]] : text.split(' ')
    if (verb === ':') return put(chain, [])
    this.#must(HOOKS.has(chain) || get(chain), `no chain ${chain}`)
    if (verb === '-F') return put(chain, [])
    if (verb === '-X') {
      const used = [...this.#things.values()].some(
        (c) =>
          c.kind === 'chain' &&
          c.ns === o.ns &&
          c.family === o.family &&
          c.table === o.table &&
          c.rules.some((r) => r.endsWith(`-j ${chain}`)),
      )
      this.#must(!used && get(chain)!.rules.length === 0, `${chain} is in use`)
      this.#things.delete(here(chain))
      return
    }
    const rule = text.slice(`-A ${chain} `.length)
    const target = / -j (\S+)/.exec(` ${rule}`)?.[1] ?? ''
    this.#must(verb === '-A' && (TARGETS.has(target) || get(target)), `no target ${target}`)
    for (const [, name] of rule.matchAll(/--match-set (\S+)/g)) this.#must(this.#things.has(`ipset ${o.ns} ${name}`), `no set ${name}`)
    put(chain, [...(get(chain)?.rules ?? []), rule])
  }

  #set(o: Ipset, text: string): void {
    const [verb, name = '', ...rest] = text.split(' ')
    const key = `ipset ${o.ns} ${name}`
    const have = this.#things.get(key) as Ipset | undefined
    if (verb === 'create' && have && rest.at(-1) === '-exist') return this.#must(have.type === rest[0], 'another type')
    this.#must(verb === 'create' ? !have : have, verb === 'create' ? 'exists' : `no set ${name}`)
    if (verb === 'create')
      this.#things.set(key, {
        kind: 'ipset',
        ns: o.ns,
        name,
        type: rest[0] as Ipset['type'],
        family: rest[2] === 'inet6' ? 6 : 4,
        members: [],
      })
    else if (verb === 'add') this.#things.set(key, { ...have!, members: [...have!.members, rest.join(' ')] })
    else if (verb === 'flush') this.#things.set(key, { ...have!, members: [] })
    else if (verb === 'destroy') {
      const used = [...this.#things.values()].some(
        (c) => c.kind === 'chain' && c.ns === o.ns && c.rules.some((r) => r.includes(`--match-set ${name} `)),
      )
      this.#must(!used, 'a rule uses it')
      this.#things.delete(key)
    } else {
      const other = this.#things.get(`ipset ${o.ns} ${rest[0]}`) as Ipset | undefined
      this.#must(verb === 'swap' && other?.type === have!.type && other.family === have!.family, 'cannot be swapped')
      this.#things.set(key, { ...other, name })
      this.#things.set(keyOf(other), { ...have!, name: other.name })
    }
  }
}
