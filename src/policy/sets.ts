/**
 * The sets of one host and family. A name says what kind of set it is and hashes what was asked for:
 *
 *   np4-in, np4-out   pods of this host that some policy isolates
 *   np4-s-HASH        pods of this host that a policy selects (its subjects)
 *   np4-p-HASH        pods of the lab that a rule's selectors select (its peers)
 *   np4-b-HASH        networks of a rule's ipBlocks
 *   np4-n-tcp-NAME    addresses and ports that pods call NAME
 */
import { createHash } from 'node:crypto'
import type { Ipset } from '../kernel/objects.ts'
import { addressOf, type Host, type Lab, type Pod } from '../model/lab.ts'
import { namedPorts, type Direction, type IpBlock, type Policy, type PodGroup, type Protocol } from '../model/policies.ts'
import { bits, formatIp, type Cidr, type Family } from '../topology/address.ts'

interface Scope {
  readonly lab: Lab
  readonly host: Host
  /** The host's own. */
  readonly pods: readonly Pod[]
  readonly family: Family
}

/** 10 hexadecimal digits: two of 10 000 names are equal once in 20 000 labs; {@link SetTable} would notice. */
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 10)

/**
 * A network as `ipset save` prints it: one address without its length. hash:net knows no /0 (ipset(8)), so that
 * one is two halves.
 */
export function networks({ family, base, prefix }: Cidr): string[] {
  if (prefix > 0) return [prefix === bits(family) ? formatIp(family, base) : `${formatIp(family, base)}/${prefix}`]
  return [`${formatIp(family, 0n)}/1`, `${formatIp(family, 1n << BigInt(bits(family) - 1))}/1`]
}

export class SetTable {
  readonly #scope: Scope
  readonly #local: ReadonlySet<Pod>
  readonly #sets = new Map<string, { readonly set: Ipset; readonly asked: string }>()

  get family(): Family {
    return this.#scope.family
  }

  constructor(scope: Scope) {
    this.#scope = scope
    this.#local = new Set(scope.pods)
  }

  objects(): Ipset[] {
    return [...this.#sets.values()].map((s) => s.set)
  }

  /** Pods of this host that a policy selects. */
  local(policy: Policy): string {
    const { key, text, pods } = policy.selected
    return this.#add(`s-${hash(key)}`, key, 'hash:ip', `here: ${text}`, () => this.#addresses([...pods].filter((p) => this.#local.has(p))), policy)
  }

  /** Pods of this host that any of these policies isolates. */
  isolated(direction: Direction, policies: readonly Policy[]): string {
    const members = new Set(policies.flatMap((p) => (p[direction] ? [...p.selected.pods].filter((pod) => this.#local.has(pod)) : [])))
    return this.#add(direction === 'ingress' ? 'in' : 'out', direction, 'hash:ip', `here: isolated for ${direction}`, () => this.#addresses([...members]))
  }

  /** Pods anywhere that any of the groups holds. */
  peers(groups: readonly PodGroup[], policy: Policy): string {
    const keys = [...new Set(groups.map((g) => g.key))].sort()
    const text = [...new Set(groups.map((g) => g.text))].sort().join('; ')
    return this.#add(`p-${hash(keys.join('\n'))}`, keys.join('\n'), 'hash:ip', text, () => this.#addresses([...new Set(groups.flatMap((g) => [...g.pods]))]), policy)
  }

  /** Networks: several without exceptions, or one with. */
  blocks(blocks: readonly IpBlock[], policy: Policy): string {
    const texts = [...new Set(blocks.map((b) => b.text))].sort()
    const members = (): string[] => {
      const cut = new Set(blocks.flatMap((b) => b.except.flatMap(networks)))
      return [...blocks.flatMap((b) => networks(b.cidr)).filter((c) => !cut.has(c)), ...[...cut].map((c) => `${c} nomatch`)]
    }
    return this.#add(`b-${hash(texts.join('\n'))}`, texts.join('\n'), 'hash:net', texts.join('; '), members, policy)
  }

  /** Every pod's address with the ports it calls by this name. */
  named(name: string, protocol: Protocol, policy: Policy): string {
    const l4 = protocol.toLowerCase()
    const members = (): string[] =>
      this.#scope.lab.pods.flatMap((pod) => {
        const ip = addressOf(pod, this.#scope.family)
        return ip === undefined ? [] : namedPorts(pod, name, protocol).map((port) => `${ip},${l4}:${port}`)
      })
    return this.#add(`n-${l4}-${name}`, name, 'hash:ip,port', `${protocol} ports called ${name}`, members, policy)
  }

  #addresses(pods: readonly Pod[]): string[] {
    return pods.flatMap((p) => addressOf(p, this.#scope.family) ?? [])
  }

  #add(suffix: string, asked: string, type: Ipset['type'], note: string, members: () => readonly string[], policy?: Policy): string {
    const { host, family } = this.#scope
    const name = `np${family}-${suffix}`
    const known = this.#sets.get(name)
    if (known && known.asked !== asked) throw new Error(`ipset ${name} would have to hold both ${known.asked} and ${asked}`)
    // A policy of another file has no line in this one.
    const from = policy?.source && policy.file === this.#scope.lab.file ? policy.source : host.source
    if (!known) this.#sets.set(name, { asked, set: { kind: 'ipset', ns: host.netns, from, family, name, type, members: [...new Set(members())].sort(), note } })
    return name
  }
}
