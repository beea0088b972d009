/** Questions about Services, asked all at once: a table of who connects where, and what must come of it. */
import assert from 'node:assert/strict'
import type { Lab, LabDocument } from '../support/lab.ts'
import { probe, type Answer, type Probe } from '../support/probe.ts'

/** Connections a row makes: enough that each of four pods answers some, but for one time in 25 000. */
const MANY = 40

export interface Row {
  /** The rule it shows; the name of the test. */
  readonly teaches: string
  /** Who connects. */
  readonly from: string
  /** `svc/web`, `node-1`, an address; `svc/web!6` for the IPv6 one. */
  readonly to: string
  /** `80/tcp`. */
  readonly port: string
  /** Who answers: over all connections exactly these. Or how it fails. */
  readonly by: readonly string[] | 'refused' | 'dropped' | 'no way'
  /** Whose address the pod sees: the client's own, or any of a host's. Default: the client's. */
  readonly seen?: string
}

export interface ServiceDocument {
  readonly name: string
  readonly namespace: string
  readonly clusterIP: string | null
  readonly clusterIPs: readonly string[]
  readonly ports: readonly { readonly port: number; readonly nodePort?: number }[]
  readonly endpoints: readonly string[]
}

export type Document = LabDocument & { readonly services: readonly ServiceDocument[] }

/** The answers to every row, in the order of the rows. */
export async function ask(lab: Lab, document: Document, rows: readonly Row[], times = MANY): Promise<Answer[][]> {
  const answers: Answer[][] = rows.map(() => [])
  const byNode = new Map<string, { row: number; probe: Probe }[]>()
  for (const [row, r] of rows.entries()) {
    const [port, kind] = r.port.split('/') as [string, 'tcp' | 'udp']
    const list = byNode.get(r.from) ?? []
    byNode.set(r.from, list)
    const count = typeof r.by === 'string' ? 2 : r.by.length === 1 ? 6 : times
    for (let i = 0; i < count; i++) list.push({ row, probe: { kind, to: addressOf(document, r.to), port: Number(port) } })
  }
  for (const [node, list] of byNode) {
    // A few hundred sockets at a time.
    for (let at = 0; at < list.length; at += 300) {
      const part = list.slice(at, at + 300)
      const heard = await probe(
        lab.ns(node),
        part.map((q) => q.probe),
      )
      for (const [i, q] of part.entries()) answers[q.row]!.push(heard[i]!)
    }
  }
  return answers
}

export function addressOf(document: Document, word: string): string {
  const [name, family] = word.split('!') as [string, string?]
  const isSix = family === '6'
  const pick = (list: readonly string[]): string => {
    const found = list.find((a) => a.includes(':') === isSix)
    assert.ok(found, `${word} has no such address: ${list.join(' ')}`)
    return found
  }
  if (name.startsWith('svc/')) {
    const key = name.slice(4)
    const service = document.services.find((s) => (s.namespace === 'default' ? s.name : `${s.namespace}/${s.name}`) === key)
    assert.ok(service, `no service ${key}`)
    return pick(service.clusterIPs)
  }
  const node = document.nodes.find(
    (n) => (n.namespace === undefined || n.namespace === 'default' ? n.name : `${n.namespace}/${n.name}`) === name,
  )
  return node ? pick(node.addresses ?? []) : name
}

const bare = (end: string): string => end.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

/** Every address of a host: on the underlay, on the bridge (first of its block), on a tunnel device (the block's own). */
function addressesOfHost(document: Document, name: string): (address: string) => boolean {
  const node = document.nodes.find((n) => n.name === name)!
  const blocks = [(node as { podCIDR?: string | readonly string[] }).podCIDR ?? []].flat().map((c) => c.split('/')[0]!)
  const own = new Set(node.addresses ?? [])
  for (const base of blocks) {
    own.add(base)
    own.add(base.includes(':') ? `${base}1` : base.replace(/0$/, '1'))
  }
  return (address) => own.has(address)
}

const OUTCOMES: Readonly<Record<'refused' | 'dropped' | 'no way', RegExp>> = {
  refused: /^refused$/,
  dropped: /^timeout$/,
  'no way': /unreachable|No route/,
}

/**
 * Evaluates one row. Addresses, not ports: a client may use one port towards two Services, and where both lead to the same
 * pod the connection tracker has to tell them apart.
 */
export function evaluate(document: Document, row: Row, answers: readonly Answer[]): void {
  if (typeof row.by === 'string') {
    for (const a of answers) assert.match(a.outcome, OUTCOMES[row.by], `${a.outcome} ${a.text}`)
    return
  }
  for (const a of answers) {
    assert.equal(a.outcome, 'ok', a.text)
    const [, peer] = a.text.trim().split(' ') as [string, string]
    if (row.seen === undefined) assert.equal(bare(peer), bare(a.self), 'the pod sees the client as it is')
    else assert.ok(addressesOfHost(document, row.seen)(bare(peer)), `${peer} is no address of ${row.seen}`)
  }
  const heard = [...new Set(answers.map((a) => a.text.split(' ')[0]!))].sort()
  assert.deepEqual(heard, [...row.by].sort(), 'who answered')
}
