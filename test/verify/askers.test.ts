/** Listening and asking inside nodes: the answer is what there is, by whom, and under which address. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { Askers } from '../../src/verify/probing/askers.ts'
import type { Answer, Listening, Put, Question } from '../../src/verify/probing/question.ts'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { inside, output, sh } from '../support/run.ts'

ownMachine()

/** Accepts connections and says nothing. */
const MUTE =
  'use Socket; socket my $s, AF_INET, SOCK_STREAM, 0; setsockopt $s, SOL_SOCKET, SO_REUSEADDR, 1; bind $s, pack_sockaddr_in 82, INADDR_ANY; listen $s, 9; push @c, $c while accept $c, $s'

describe('askers', { skip: unable }, () => {
  const lab = new Lab(`
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-2, containers: [{ name: c, ports: [{ containerPort: 80 }] }, { name: mute, command: [perl, -e, "${MUTE}"] }] }
`)
  const askers = new Askers()
  let nodes: readonly NodeDocument[] = []
  const address = (node: string, family: 4 | 6): string =>
    nodes.find((n) => n.name === node)!.addresses!.find((a) => a.includes(':') === (family === 6))!
  const ask = async (from: string, list: readonly (Omit<Question, 'netns'> & { readonly patience?: number })[]): Promise<Answer[]> =>
    askers.ask(list.map(({ patience = 2500, ...q }): Put => ({ question: { ...q, netns: lab.ns(from) }, patience })))
  const listening = (node: string, ...ports: Listening['ports']): Listening => ({ netns: lab.ns(node), name: node, ports })

  before(async () => {
    ;({ nodes } = await lab.mustUp())
    const all = (['tcp', 'udp', 'sctp'] as const).map((protocol) => ({ protocol, port: 9 }))
    const held = await askers.listen([
      listening('a', ...all),
      listening('b', ...all, { protocol: 'tcp', port: 80 }, { protocol: 'tcp', port: 5, loopback: true }),
      listening('node-2', ...all),
    ])
    assert.deepEqual([...new Set(held.values())], ['ours', 'busy'])
    assert.equal(held.get(`${lab.ns('b')} tcp 80`), 'busy')
  })
  after(async () => {
    askers.close()
    await lab.remove()
  })

  for (const family of [4, 6] as const) {
    it(`IPv${family}: who answers says who it is and whom it saw`, async () => {
      for (const to of ['b', 'node-2']) {
        const kinds = ['tcp', 'udp', 'sctp'] as const
        const answers = await ask('a', [...kinds.map((kind) => ({ kind, family, address: address(to, family), port: 9 }))])
        for (const [i, kind] of kinds.entries()) {
          const { outcome, by, seen, self } = answers[i]!
          assert.deepEqual({ outcome, by, seen }, { outcome: 'ok', by: to, seen: self }, `${kind} to ${to}: ${JSON.stringify(answers[i])}`)
          assert.ok(self!.includes(address('a', family)), self)
        }
      }
      const [container, closed, closedUdp, closedSctp, private_] = await ask('a', [
        { kind: 'tcp', family, address: address('b', family), port: 80 },
        { kind: 'tcp', family, address: address('b', family), port: 81 },
        { kind: 'udp', family, address: address('b', family), port: 81 },
        { kind: 'sctp', family, address: address('b', family), port: 81 },
        { kind: 'tcp', family, address: address('b', family), port: 5 },
      ])
      assert.deepEqual([container!.outcome, container!.by, container!.seen], ['ok', 'b', container!.self])
      assert.deepEqual(
        [closed, closedUdp, closedSctp, private_].map((a) => a!.outcome),
        ['refused', 'refused', 'refused', 'refused'],
      )
    })

    it(`IPv${family}: echoes tell their TTL, their size counts, and trains are counted`, async () => {
      const to = { kind: 'icmp', family, address: address('b', family), port: 0 } as const
      const [small, full, over, train] = await ask('a', [to, { ...to, size: 1450 }, { ...to, size: 1451 }, { ...to, count: 5 }])
      assert.deepEqual([small!.outcome, small!.ttl, small!.self], ['ok', 62, address('a', family)])
      assert.equal(full!.outcome, 'ok')
      assert.deepEqual([over!.outcome, over!.text], ['too-long', 'local mtu=1450'])
      assert.equal(train!.text, '5 sent, 5 came back, 0 more than once')
    })
  }

  it('each echo question is a flow of its own, and a train waits for the answer to its first', async () => {
    const to = { kind: 'icmp', family: 4, address: address('b', 4), port: 0 } as const
    const requests = ['-n', '-l', '-tt', '--immediate-mode', '-c', '11', '-i', 'eth0', 'icmp[icmptype] = icmp-echo']
    const argv = inside(lab.ns('b'), ['timeout', '20', 'tcpdump', ...requests])
    const listener = spawn(argv[0]!, argv.slice(1))
    const ended = text(listener.stdout)
    await once(listener.stderr, 'data')
    assert.deepEqual(
      (await ask('a', [to, { ...to, nth: 1 }, { ...to, count: 5 }])).map((a) => a.outcome),
      ['ok', 'ok', 'ok'],
    )
    const first = '-p icmp --icmp-type echo-reply -m statistic --mode nth --every 1000 --packet 0 -j DROP'
    const rule = (verb: string): Promise<string> => output(inside(lab.ns('a'), ['iptables', verb, 'INPUT', ...first.split(' ')]))
    await rule('-A')
    const [train] = await ask('a', [{ ...to, count: 4, patience: 900 }])
    await rule('-D')
    assert.equal(train!.text, '4 sent, 3 came back, 0 more than once')
    const heard = [...(await ended).matchAll(/^(\S+) .* id (\d+), seq/gm)].map(([, seconds, id]) => ({ seconds: Number(seconds), id: id! }))
    const flows = [...new Set(heard.map((h) => h.id))].map((id) => heard.filter((h) => h.id === id))
    assert.deepEqual(flows.map((f) => f.length).toSorted(), [1, 1, 4, 5])
    // The others may have been sent only when a third of the patience had passed in vain.
    const [lost, next] = flows.at(-1)!
    assert.ok(next!.seconds - lost!.seconds >= 0.3, JSON.stringify(heard))
  })

  it('a source port is bound', async () => {
    const to = { family: 4, address: address('b', 4), port: 9, sourcePort: 12_345 } as const
    for (const { self, seen } of await ask('a', [
      { ...to, kind: 'tcp' },
      { ...to, kind: 'udp' },
    ]))
      assert.deepEqual([self, seen], [`${address('a', 4)}:12345`, `${address('a', 4)}:12345`])
  })

  it('who accepts and says nothing has answered', async () => {
    const [mute] = await ask('a', [{ kind: 'tcp', family: 4, address: address('b', 4), port: 82, patience: 100 }])
    assert.deepEqual([mute!.outcome, mute!.by, mute!.text], ['ok', undefined, 'connected, and it said nothing'])
  })

  it('silence and errors are told apart', async () => {
    const at = (rule: string): Promise<string> => sh(`nsenter --net=/run/netns/${lab.ns('node-2')} iptables ${rule}`)
    await at('-I FORWARD -p tcp --dport 90 -j DROP')
    await at('-I FORWARD -p udp --dport 91 -j REJECT --reject-with icmp-admin-prohibited')
    const to = { family: 4, address: address('b', 4) } as const
    const answers = await ask('a', [
      { ...to, kind: 'tcp', port: 90, patience: 300 },
      { ...to, kind: 'udp', port: 91 },
      { kind: 'tcp', family: 4, address: '8.8.8.8', port: 1 },
      { kind: 'icmp', family: 4, address: '8.8.8.8', port: 0 },
    ])
    assert.equal(answers[0]!.outcome, 'timeout')
    // The kernel calls "administratively prohibited" an unreachable host (net/ipv4/icmp.c, icmp_err_convert).
    assert.equal(answers[1]!.outcome, 'unreachable')
    assert.deepEqual([answers[2]!.outcome, answers[3]!.outcome], ['unreachable', 'unreachable'])
  })

  it('more questions than are under way at once are all answered, and each by whom it was asked', async () => {
    const list = Array.from({ length: 1500 }, (_, i) => ({
      kind: (['tcp', 'udp', 'icmp'] as const)[i % 3]!,
      family: 4 as const,
      address: address(i % 2 ? 'b' : 'node-2', 4),
      port: i % 3 === 2 ? 0 : 9,
    }))
    const answers = await ask('a', list)
    const wrong = answers.filter((a, i) => a.outcome !== 'ok' || (i % 3 !== 2 && (a.by !== (i % 2 ? 'b' : 'node-2') || a.seen !== a.self)))
    assert.deepEqual(wrong.slice(0, 5), [])
  })

  it('what they have learned of neighbours is forgotten when asked, by those that only answered, too', async () => {
    const count = async (node: string): Promise<number> =>
      Number(await sh(`nsenter --net=/run/netns/${lab.ns(node)} ip neigh show nud reachable nud stale nud delay nud probe | wc -l`))
    const nodes = ['a', 'b', 'node-2']
    for (const node of nodes) assert.ok((await count(node)) > 0, node)
    await ask('b', [{ kind: 'icmp', family: 4, address: address('node-2', 4), port: 0 }])
    await askers.forget(nodes.map((node) => lab.ns(node)))
    for (const node of nodes) assert.equal(await count(node), 0, node)
  })
})

describe('askers of jumbo frames', { skip: unable }, () => {
  const lab = new Lab(`
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }
underlay: { mtu: 9000 }
hosts: { node-1: {}, node-2: {} }
pods: { a: { host: node-1 }, b: { host: node-2 } }
`)
  const askers = new Askers()
  let nodes: readonly NodeDocument[] = []
  before(async () => {
    ;({ nodes } = await lab.mustUp())
  })
  after(async () => {
    askers.close()
    await lab.remove()
  })

  it('hear the whole echo, in both families', async () => {
    const { addresses = [] } = nodes.find((n) => n.name === 'b')!
    const puts = addresses.map((address): Put => {
      const family = address.includes(':') ? 6 : 4
      return { question: { netns: lab.ns('a'), kind: 'icmp', family, address, port: 0, size: 8950 }, patience: 2500 }
    })
    const answers = await askers.ask(puts)
    assert.deepEqual(
      answers.map((a) => [a.outcome, a.text]),
      [
        ['ok', undefined],
        ['ok', undefined],
      ],
    )
  })
})
