/**
 * What policies and Services cost in processes: as many as there are hosts to tell, however many policies, Services
 * and pods there are. Counted where the tools are started, one line a start.
 */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { told } from '../support/run.ts'
import { counted } from '../support/shim.ts'

ownMachine()

const HOSTS = 8
const PODS = 16
const POLICIES = 20
const SERVICES = 8
const TOOLS = ['ipset', 'iptables-restore', 'ip6tables-restore', 'iptables', 'ip6tables']

interface Change {
  /** Added to the first pod's labels. */
  readonly labels?: Readonly<Record<string, string>>
  readonly policies?: Readonly<Record<string, object>>
}

const each = <T>(count: number, key: (n: number) => string, value: (n: number) => T): Record<string, T> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [key(n), value(n)]))

const app = (n: number): Record<string, string> => ({ app: `app-${n % 6}` })

function topology({ labels, policies }: Change): object {
  return {
    network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], serviceCIDR: ['10.96.0.0/16', 'fd00:10:96::/112'] },
    hosts: { node: { replicas: HOSTS } },
    pods: each(
      PODS,
      (n) => `pod-${n}`,
      (n) => ({ labels: { ...app(n), ...(n === 0 ? labels : {}) } }),
    ),
    services: each(
      SERVICES,
      (n) => `svc-${n}`,
      (n) => ({ ipFamilyPolicy: 'PreferDualStack', selector: app(n), ports: [{ port: 80 }] }),
    ),
    policies: {
      ...each(
        POLICIES,
        (n) => `policy-${n}`,
        (n) => ({
          podSelector: { matchLabels: app(n) },
          ingress: [{ from: [{ podSelector: { matchLabels: { ...app(n + 1), part: `part-${n}` } } }], ports: [{ port: 80 + n }] }],
        }),
      ),
      'from-friends': { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { friend: 'yes' } } }] }] },
      ...policies,
    },
  }
}

describe('processes that a change of policies costs', { skip: unable }, () => {
  const lab = new Lab(topology({}))
  const tally = counted(lab.dir, TOOLS)
  let hosts: Map<number, string>

  /** Starts that write, by host and tool. */
  function writes(): Map<string, Record<string, number>> {
    const found = new Map<string, Record<string, number>>()
    for (const { inode, command } of tally.started()) {
      const host = hosts.get(inode)
      if (host === undefined) continue // A scratch namespace, in which the kernel is asked what it can do.
      const [tool] = command.split(' ') as [string]
      if (command.startsWith('ipset save')) continue
      assert.match(command, /^(ipset restore|ip6?tables-restore)\b/, 'sets and rules are only ever written by restore')
      const own = found.get(host) ?? {}
      found.set(host, { ...own, [tool]: (own[tool] ?? 0) + 1 })
    }
    return found
  }

  async function up(change: Change): Promise<Map<string, Record<string, number>>> {
    lab.write(topology(change))
    const result = await lab.up('--json')
    assert.equal(result.code, 0, told(result))
    hosts = new Map(Array.from({ length: HOSTS }, (_, i) => [statSync(`/run/netns/${lab.ns(`node-${i + 1}`)}`).ino, `node-${i + 1}`]))
    return writes()
  }

  before(() => void Object.assign(process.env, tally.env))
  after(() => lab.remove())

  it(`the first up: one ipset restore and one iptables-restore a family on each of ${HOSTS} hosts`, async () => {
    const found = await up({})
    assert.equal(found.size, HOSTS)
    for (const [host, tools] of found) assert.deepEqual(tools, { ipset: 1, 'iptables-restore': 1, 'ip6tables-restore': 1 }, host)
  })

  it('nothing changed: nothing is written', async () => {
    assert.deepEqual([...(await up({}))], [])
  })

  it('a label that makes a pod a peer: one ipset restore on each host that asks for it, and no rule', async () => {
    const found = await up({ labels: { friend: 'yes' } })
    assert.equal(found.size, HOSTS)
    for (const [host, tools] of found) assert.deepEqual(tools, { ipset: 1 }, host)
  })

  it('a policy of sets that are there: one iptables-restore a family on each host', async () => {
    const policies = {
      more: { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { friend: 'yes' } } }], ports: [{ port: 9 }] }] },
    }
    const found = await up({ labels: { friend: 'yes' }, policies })
    assert.equal(found.size, HOSTS)
    for (const [host, tools] of found) assert.deepEqual(tools, { 'iptables-restore': 1, 'ip6tables-restore': 1 }, host)
  })

  it('a policy of sets of its own: one ipset restore as well', async () => {
    const policies = {
      more: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '198.51.100.0/24' } }, { ipBlock: { cidr: '2001:db8::/32' } }] }] },
    }
    const before = await up({ labels: { friend: 'yes' } })
    assert.equal(before.size, HOSTS)
    const found = await up({ labels: { friend: 'yes' }, policies })
    assert.equal(found.size, HOSTS)
    for (const [host, tools] of found) assert.deepEqual(tools, { ipset: 1, 'iptables-restore': 1, 'ip6tables-restore': 1 }, host)
  })

  it('sets that must change at one moment: rules are led around them and back, three ipset restores and two iptables-restores', async () => {
    // The pod stops being of app-0 and becomes of app-1: on its host several sets change.
    const found = await up({ labels: { app: 'app-1' } })
    const most = [...found.values()].map((tools) => JSON.stringify(tools))
    assert.ok(found.size > 0)
    for (const [host, tools] of found)
      for (const [tool, count] of Object.entries(tools)) assert.ok(count <= (tool === 'ipset' ? 3 : 2), `${host}: ${most.join(' ')}`)
    assert.deepEqual(found.get('node-1'), { ipset: 3, 'iptables-restore': 2, 'ip6tables-restore': 2 })
  })
})
