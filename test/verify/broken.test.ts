/** What is broken in the kernel fails the check that is about it, and nothing is called reachable that is not. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { masqueradesNothing } from '../support/damages.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab, sh } from '../support/run.ts'
import { tested } from './support.ts'

ownMachine()
oneProcess()

const TOPOLOGY = `
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-1 }
  c: { host: node-2, labels: { app: c }, containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
externals: { client: {} }
services: { c: { selector: { app: c }, ports: [{ port: 80, targetPort: 8080 }] } }
`

interface Breakage {
  readonly what: string
  /** Shell; \`at NODE COMMAND…\` runs a command in a node. */
  readonly breaks: string
  readonly mends: string
  /** Checks that must fail, and whom the failures must name. */
  readonly fails: readonly string[]
  readonly names: RegExp
  /** The command that one of them suggests. */
  readonly shows?: string
}

const rule = (node: string, rest: string): Pick<Breakage, 'breaks' | 'mends'> => ({
  breaks: `at ${node} iptables ${rest.replace('@', '-I')}`,
  mends: `at ${node} iptables ${rest.replace('@', '-D')}`,
})

const BREAKAGES: readonly Breakage[] = [
  {
    what: 'a masquerade that is too wide',
    ...rule('node-1', '-t nat @ POSTROUTING -s 10.244.0.0/16 -d 10.244.1.0/24 -j MASQUERADE'),
    fails: ['no-nat-inside'],
    names: /^[ab] /,
  },
  {
    what: 'a path that loses every ninth echo',
    ...rule('node-2', '@ FORWARD -p icmp -m statistic --mode nth --every 9 --packet 0 -j DROP'),
    fails: ['no-loss'],
    names: /c/,
  },
  {
    what: 'a way around the tunnel',
    breaks: 'at node-1 ip route replace 10.244.1.0/24 via 192.168.50.12; at node-2 ip route replace 10.244.0.0/24 via 192.168.50.11',
    mends:
      'at node-1 ip route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink; at node-2 ip route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink',
    fails: ['wire-headers', 'pods-stay-in-tunnels'],
    names: /^(a|c|node-1|node-2) /,
  },
  {
    what: 'an address that two pods have',
    breaks: 'at b ip address add 10.244.0.2/24 dev eth0',
    mends: 'at b ip address del 10.244.0.2/24 dev eth0',
    fails: ['addresses-unique'],
    names: /^b /,
  },
  {
    what: 'a device leaked into a pod',
    breaks: 'at a ip link add d0 type veth',
    mends: 'at a ip link del d0',
    fails: ['pods-have-one-interface'],
    names: /^a /,
  },
  {
    what: 'an MTU of a pod that is too small',
    breaks: 'at c ip link set eth0 mtu 1400',
    mends: 'at c ip link set eth0 mtu 1450',
    fails: ['mtu-everywhere', 'beyond-mtu-fails'],
    names: /^c /,
  },
  {
    what: 'silence where a refusal belongs',
    ...rule('node-2', '@ FORWARD -p tcp --tcp-flags RST RST -j DROP'),
    fails: ['closed-ports-refuse'],
    names: /c/,
  },
  {
    what: 'no masquerading',
    breaks: `at node-1 ${masqueradesNothing.breaks}`,
    mends: `at node-1 ${masqueradesNothing.mends}`,
    fails: ['egress-masqueraded'],
    names: /^[ab] client/,
  },
  {
    what: 'Services that a node knows nothing of',
    breaks: 'at node-1 iptables -t nat -I PREROUTING -d 10.96.0.0/16 -j ACCEPT; at node-1 iptables -I FORWARD -d 10.96.0.0/16 -j ACCEPT',
    mends: 'at node-1 iptables -t nat -D PREROUTING -d 10.96.0.0/16 -j ACCEPT; at node-1 iptables -D FORWARD -d 10.96.0.0/16 -j ACCEPT',
    fails: ['no-virtual-address'],
    names: /^node-1 /,
  },
  {
    // A client that does not look for the path's MTU lets its packets be cut, and beyond the router there is hardly room for any.
    what: 'fragments that a router makes',
    breaks: `at client sysctl -qw net.ipv4.ip_no_pmtu_disc=1
      at router ip route change 192.168.50.0/24 dev $(at router ip -o route get 192.168.50.11 | sed "s/.* dev \\([^ ]*\\).*/\\1/") mtu lock 68`,
    mends: `at client sysctl -qw net.ipv4.ip_no_pmtu_disc=0
      at router ip route change 192.168.50.0/24 dev $(at router ip -o route get 192.168.50.11 | sed "s/.* dev \\([^ ]*\\).*/\\1/")`,
    fails: ['no-fragments'],
    // Connection tracking of the nodes joins them, and they are cut again.
    names: /^(router|node-[12]) /,
    shows: 'exec router -- nstat -az',
  },
  {
    what: 'a router that tracks connections, and only half of them',
    breaks:
      'at router iptables -t raw -A PREROUTING -p tcp --tcp-flags SYN,ACK SYN -j NOTRACK; at router iptables -A FORWARD -m conntrack --ctstate INVALID',
    mends: 'at router iptables -t raw -F PREROUTING; at router iptables -F FORWARD',
    fails: ['no-invalid'],
    names: /^router /,
  },
  {
    what: 'pods that show themselves to a router that filters by the way back',
    breaks: `at router sysctl -qw net.ipv4.conf.all.rp_filter=2; at node-1 ${masqueradesNothing.breaks}`,
    mends: `at router sysctl -qw net.ipv4.conf.all.rp_filter=0; at node-1 ${masqueradesNothing.mends}`,
    fails: ['no-martians'],
    names: /^router /,
  },
  {
    what: 'a node that does not forward',
    breaks: 'at node-2 sysctl -qw net.ipv4.ip_forward=0',
    mends: 'at node-2 sysctl -qw net.ipv4.ip_forward=1',
    fails: ['nodes-forward', 'pods-reach-pods'],
    names: /node-2|c/,
    shows: 'exec node-2 -- sysctl net.ipv4.ip_forward',
  },
]

describe('a broken lab', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  const inLab = (script: string): Promise<string> =>
    sh(`at() { node=$1; shift; nsenter --net=/run/netns/${lab.name}.$node -- "$@"; }; ${script}`)
  before(async () => void (await lab.mustUp()))
  after(() => lab.remove())

  for (const { what, breaks, mends, fails, names, shows } of BREAKAGES) {
    it(what, async () => {
      await inLab(breaks)
      const { checks } = await tested(lab, '--timeout', '800ms', '--only', 'model', 'service').finally(() => inLab(mends))
      const failed = checks.filter((c) => c.status === 'failed')
      for (const id of fails) {
        const found = failed.filter((c) => c.id === id)
        assert.ok(found.length > 0, `${id} did not fail, but ${JSON.stringify(failed.map((c) => c.id))}`)
        for (const c of found) {
          assert.match(`${c.from} ${c.to ?? ''}`, names, JSON.stringify(c))
          assert.ok(c.detail !== undefined && c.detail !== '')
        }
      }
      if (shows !== undefined)
        assert.ok(
          failed.some((c) => c.reproduce?.join(' ') === shows),
          JSON.stringify(failed),
        )
    })
  }

  it('whose one missing entry breaks many promises says which, and what follows', async () => {
    const entry = await inLab('at node-1 bridge fdb show dev vxlan1 | grep "dst 192.168.50.12"')
    const [mac] = entry.split(' ')
    await inLab(`at node-1 bridge fdb del ${mac} dev vxlan1 dst 192.168.50.12`)
    try {
      const { drift, checks } = await tested(lab, '--timeout', '800ms', '--only', 'model')
      const object = `FDB entry ${mac} on vxlan1 in ${lab.name}.node-1`
      // What was broken and mended before may have left something, too.
      const missing = drift?.find((d) => d.object === object)
      assert.ok(missing, JSON.stringify(drift))
      assert.deepEqual([missing.state, missing.node], ['missing', 'node-1'])
      const failed = checks.filter((c) => c.status === 'failed')
      // Traced is one pair of the two; the entry is the same for both.
      for (const from of ['a', 'b'])
        for (const [x, y] of [
          [from, 'c'],
          ['c', from],
        ])
          assert.ok(
            failed.some((c) => c.from === x && c.to === y && c.followsFrom === missing.id),
            `${x} ${y}: ${JSON.stringify(failed)}`,
          )
      const { stdout } = await netlab(['test', lab.name, '--timeout', '800ms', '--only', 'model', '--quiet'])
      assert.ok(stdout.startsWith('DRIFT '), stdout)
      assert.match(stdout, /^\d+ failed checks follow from missing FDB entry/m)
    } finally {
      await inLab(`at node-1 bridge fdb append ${entry.trim().replace('self permanent', '')} dev vxlan1`)
    }
    // Without drift nothing was read.
    assert.equal((await tested(lab, '--only', 'model')).drift, undefined)
  })

  it('that has nothing of what was asked for is no success', async () => {
    const { checks, failed } = await tested(lab, '--only', 'policy', 'expect')
    assert.equal(failed, 1)
    assert.match(checks.find((c) => c.id === 'something-is-tested')?.detail ?? '', /policies, `expect`/)
  })

  it('in which nothing answers is no success', async () => {
    await inLab('for n in a b c; do at $n ip link set eth0 down; done')
    const { checks } = await tested(lab, '--timeout', '300ms', '--only', 'model')
    assert.ok(checks.some((c) => c.id === 'pods-reach-pods' && c.status === 'failed'))
    // Loopback still works: that is no reason to call the lab reachable.
    assert.equal(checks.find((c) => c.id === 'something-is-reachable')?.status, 'failed')
  })
})

describe('a link that was too small for a while', { skip: unable }, () => {
  const lab = new Lab(
    'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { node-1: {}, node-2: {} }\npods: { a: { host: node-1 }, b: { host: node-2 } }\n',
  )
  before(async () => void (await lab.mustUp()))
  after(() => lab.remove())

  it('is forgotten by those that a test made learn of it', async () => {
    const at = (node: string, command: string): Promise<string> => sh(`nsenter --net=/run/netns/${lab.name}.${node} ${command}`)
    await at('node-1', 'ip link set vxlan1 mtu 1300')
    const { checks } = await tested(lab, '--only', 'model')
    const found = checks.filter((c) => c.id === 'full-mtu-passes' && c.status === 'failed').map((c) => c.detail)
    for (const words of [/^(?!IPv6).*mtu/i, /^IPv6.*mtu/i])
      assert.ok(
        found.some((detail) => words.test(detail ?? '')),
        JSON.stringify(found),
      )
    await at('node-1', 'ip link set vxlan1 mtu 1450')
    const { failed } = await tested(lab, '--only', 'model')
    assert.equal(failed, 0)
  })
})
