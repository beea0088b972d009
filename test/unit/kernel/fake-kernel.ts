/**
 * A kernel that lives in memory and is stricter than the real one. It takes rendered batches line by line, as
 * iproute2, sysctl, ipset and iptables-restore would, and refuses what could not be done at that moment: a route
 * on a device that is not there, a name that is taken, a chain that something still jumps to. What it holds in
 * the end are kernel objects again.
 */
import type { Batch } from '../../../src/kernel/batch.ts'
import { deviceOf, keyOf } from '../../../src/kernel/kinds/index.ts'
import type { BridgePort, Chain, Ipset, KernelObject, Link, Veth, VethEnd } from '../../../src/kernel/objects.ts'
import { must, rules, sets, type Things } from './fake-tables.ts'

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

export class FakeKernel {
  readonly #spaces = new Set<string>()
  readonly #devices = new Map<string, Device>()
  readonly #things: Things = new Map()

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
          if (b.ns !== undefined) must(this.#spaces.has(b.ns), 'no such namespace')
          this.#line(b, text, object)
        } catch (cause) {
          throw new Error(`${b.tool} in ${b.ns ?? 'the machine'}, line ${i + 1}: ${text}: ${(cause as Error).message}`, { cause })
        }
      }
    }
    return this
  }

  #device(ns: string, name: string): Device {
    const d = this.#devices.get(`${ns} ${name}`)
    must(d && !d.dying, `no device ${name}`)
    return d
  }

  #line(b: Batch, text: string, object: KernelObject): void {
    const ns = b.ns ?? ''
    switch (b.tool) {
      case 'process':
        if (b.removes) must(this.#things.delete(keyOf(object)), 'no such process')
        else this.#add(object)
        return
      case 'sysctl':
        return this.#thing('replace', object, text)
      case 'iptables-restore':
      case 'ip6tables-restore':
        return rules(this.#things, object as Chain, text)
      case 'ipset':
        return sets(this.#things, object as Ipset, text)
      default:
        return this.#ip(ns, text.split(' '), object)
    }
  }

  #add(o: KernelObject): void {
    must(!this.#things.has(keyOf(o)), 'exists')
    this.#things.set(keyOf(o), o)
  }

  /** Objects whose one line says it all: what matters is whether it can be done now. */
  #thing(verb: string | undefined, o: KernelObject, text: string): void {
    const dev = 'dev' in o ? o.dev : undefined
    if (verb === 'delete') return must(this.#things.delete(keyOf(o)), 'there is none')
    if (dev !== undefined) {
      must(this.#device(o.ns, dev).up || o.kind === 'sysctl' || o.kind === 'address', `${dev} is down`)
      must(o.kind === 'sysctl' || text.includes(` dev ${dev}`), 'names another device')
    }
    if (verb === 'add') must(!this.#things.has(keyOf(o)), 'exists')
    this.#things.set(keyOf(o), o)
  }

  #ip(ns: string, line: string[], object: KernelObject): void {
    const words = line[0] === 'link' && line[2] === 'dev' ? line.toSpliced(2, 1) : line
    const [what, verb, name] = words as [string, string, string]
    if (what === 'netns') {
      if (verb === 'add') {
        must(!this.#spaces.has(name), 'exists')
        this.#spaces.add(name)
        return
      }
      must(this.#spaces.delete(name), 'no such namespace')
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
      must(this.#device(ns, master).link?.type === 'bridge', `${master} is no bridge`)
      d.port = { master }
    }
    for (const word of ['hairpin', 'isolated'] as const)
      if (words.includes(word)) {
        must(d.port, 'not a port')
        const { [word]: _was, ...port } = d.port
        d.port = { ...port, ...(after(word) === 'on' ? { [word]: true } : {}) }
      }
  }

  #linkAdd(ns: string, name: string, o: KernelObject, after: (word: string) => string | undefined): void {
    must(!this.#devices.has(`${ns} ${name}`), 'exists')
    if (o.kind === 'link') {
      const lower = deviceOf(o)
      must(lower === undefined || this.#devices.has(lower), `no device ${lower}`)
      return this.#hold(o)
    }
    must(o.kind === 'veth' && after('netns') === o.peer.ns && after('peer') === 'name', 'not what the object is')
    must(this.#spaces.has(o.peer.ns), `no namespace ${o.peer.ns}`)
    must(!this.#devices.has(`${o.peer.ns} ${o.peer.name}`), 'the other end exists')
    const master = after('master')
    if (master) must(this.#device(ns, master).link?.type === 'bridge', `${master} is no bridge`)
    const { port: _far, ...peer } = o.peer
    const { port: _near, ...near } = o
    this.#pair({ ...near, ...(master ? { port: { master } } : {}), peer: { ...peer, down: true } })
  }

  /** A device goes, and with it its other end, what rides on it, and what lives on any of them. */
  #gone(d: Device): void {
    if (!this.#devices.delete(`${d.ns} ${d.name}`)) return
    for (const [key, o] of this.#things) if (deviceOf(o) === `${d.ns} ${d.name}`) this.#things.delete(key)
    for (const other of this.#devices.values()) {
      if (other.ns !== d.ns) continue
      if (other.port?.master === d.name) delete other.port
      if (other.link && deviceOf(other.link) === `${d.ns} ${d.name}`) this.#gone(other)
    }
    if (d.peer) this.#gone(d.peer)
  }
}
