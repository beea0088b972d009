import { createHash } from 'node:crypto'
import { Script } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { traceHtml } from '../../../src/report/trace/trace-html.ts'
import { view, type Step } from '../../../src/report/trace/trace-html-data.ts'
import { compare, inWords, tunnelOf } from '../../../src/report/trace/trace-html-layers.ts'
import type { TraceResult } from '../../../src/trace/result.ts'
import { decode } from '../../../src/packet/decode.ts'
import { FRAMES } from '../packet/frames.ts'
import { delivered, hostile, lab, overIpip, overIpv6, policyDrop, tooBig } from '../packet/trace-results.ts'

const of = (name: string): ReturnType<typeof decode> => decode(FRAMES[name]!.bytes, FRAMES[name]!.hardware)
const data = (html: string): { steps: Step[] } => JSON.parse(/<script type="application\/json" id="result">(.*)<\/script>/.exec(html)![1]!)
const STORIES: Readonly<Record<string, () => TraceResult>> = { delivered, policyDrop, tooBig, overIpv6, overIpip, hostile }

describe('what changed since the hop before', () => {
  test('a tunnel puts headers around the same packet', () => {
    const inner = of('ping')
    const { layers, gone } = compare(inner, of('vxlan'))
    expect(layers.map((l) => `${l.name} ${l.state}`)).toEqual([
      'Ethernet added',
      'IPv4 added',
      'UDP added',
      'VXLAN added',
      'Ethernet changed',
      'IPv4 same',
      'ICMP same',
      'Data same',
    ])
    expect(gone).toEqual([])
    expect(compare(of('vxlan'), inner).gone).toEqual(['Ethernet', 'IPv4', 'UDP', 'VXLAN'])
  })

  test('a field that changed is marked, the others are not', () => {
    const [first, second] = [delivered().forward[2]!, delivered().forward[3]!]
    const { layers } = compare(first.layers, second.layers)
    expect(layers[1]!.fields.filter(([, , changed]) => changed)).toEqual([['TTL', '63', true]])
    expect(compare([], first.layers).layers.every((l) => l.state === 'same')).toBe(true)
  })

  test('tunnels are told by what they are', () => {
    expect(['ping', 'vxlan', 'greKey', 'gre', 'ipip', 'sit', 'tooBig'].map((n) => tunnelOf(of(n)))).toEqual([
      undefined,
      'VXLAN · VNI 1',
      'GRE · key 9',
      'GRE',
      'IPIP',
      'IPv6 in IP',
      undefined,
    ])
    expect(inWords(of('vxlan'))).toBe(
      'IPv4 192.168.50.11 to 192.168.50.12, TTL 64 · UDP 51234 to 8472 · VXLAN VNI 1 · IPv4 10.244.0.2 to 10.244.1.2, TTL 63 · ICMP echo request',
    )
  })
})

describe('what is drawn', () => {
  test('request and answer share a drawing; the tunnel goes from device to device', () => {
    const { stages, steps, never } = view(delivered(), lab())
    expect(stages).toHaveLength(1)
    expect(stages[0]!.nodes.map((n) => `${n.name} ${n.facts}: ${n.devices.join(' ')}`)).toEqual([
      'pod-a 10.244.0.2: eth0',
      'node-1 192.168.50.11: p1-pod-a cni0 vxlan1 eth0',
      'switch-lan 192.168.50.0/24: h1-node-1 h2-node-2',
      'node-2 192.168.50.12: eth0 vxlan1 cni0 p1-cart',
      'shop/cart 10.244.1.2: eth0',
    ])
    expect(stages[0]!.tunnels).toEqual([{ from: [1, 2], to: [3, 1], label: 'VXLAN · VNI 1' }])
    expect(steps).toHaveLength(24)
    expect(never).toEqual([])
    expect(steps.slice(12).map((s) => s.place.join())).toEqual(
      steps
        .slice(0, 12)
        .map((s) => s.place.join())
        .toReversed(),
    )
  })

  test('a drop is a step of its own, what comes after was never reached, the tunnel is drawn to where it would have ended', () => {
    const { stages, steps, never } = view(policyDrop(), lab())
    expect(steps.at(-1)).toMatchObject({ drop: true, node: 'node-2', device: 'vxlan1', place: [3, 1] })
    expect(stages[0]!.drop).toEqual([3, 1])
    expect(stages[0]!.unreached).toEqual([
      [3, 2],
      [3, 3],
      [4, 0],
    ])
    expect(never.map((n) => n.device)).toEqual(['cni0', 'p1-cart', 'eth0'])
    const early = policyDrop()
    const cut = { ...early, forward: early.forward.map((h, i) => (i < 6 ? h : { ...h, evidence: 'predicted' as const, layers: [] })) }
    expect(view(cut, lab()).stages[0]!.tunnels[0]!.to).toEqual([3, 1])
  })

  test('an error that comes back from the middle goes on the same drawing, after the drop', () => {
    const { stages, steps } = view(tooBig(), lab())
    expect(stages).toHaveLength(1)
    expect(steps.map((s) => (s.drop ? 'drop' : s.leg))).toEqual(['forward', 'forward', 'forward', 'drop', 'reply', 'reply', 'reply'])
    expect(steps.slice(4).map((s) => s.place)).toEqual([
      [1, 1],
      [1, 0],
      [0, 0],
    ])
  })

  test('an answer that comes back another way has a drawing of its own', () => {
    const traced = delivered()
    const reply = traced.reply.map((h) => (h.node === 'switch-lan' ? { ...h, node: 'router', nodeKind: 'router' as const } : h))
    const { stages, steps } = view({ ...traced, reply }, lab())
    expect(stages.map((s) => s.nodes.map((n) => n.name).join(' '))).toEqual([
      'pod-a node-1 switch-lan node-2 shop/cart',
      'pod-a node-1 router node-2 shop/cart',
    ])
    expect(steps.at(-1)).toMatchObject({ stage: 1, place: [0, 0] })
    expect(steps[12]).toMatchObject({ stage: 1, place: [4, 0] })
  })

  test('an answer that a firewall made begins at the firewall', () => {
    const traced = delivered()
    const reply = traced.reply.map((h, i) => (i < 3 ? { ...h, evidence: 'predicted' as const, layers: [], at: null } : h))
    const { steps } = view({ ...traced, reply }, lab())
    expect(steps).toHaveLength(21)
    expect(steps[12]).toMatchObject({ leg: 'reply', node: 'node-2', device: 'vxlan1', place: [3, 1] })
  })

  test('a device that only the answer was seen on was reached', () => {
    const traced = delivered()
    const forward = traced.forward.map((h, i) => (i < 6 ? h : { ...h, evidence: 'predicted' as const, layers: [], at: null }))
    expect(view({ ...traced, forward, reply: [] }, lab()).stages[0]!.unreached).toHaveLength(6)
    expect(view({ ...traced, forward }, lab()).stages[0]!.unreached).toEqual([])
  })

  test('a node that is passed twice is drawn twice, and the answer passes it twice', () => {
    const way = ['pod-a', 'node-1', 'node-2', 'node-1', 'shop/cart']
    const base = delivered().forward[0]!
    const forward = way.map((node) => ({ ...base, node, device: 'eth0' }))
    const { stages, steps } = view({ ...delivered(), forward, reply: forward.toReversed() }, lab())
    expect(stages[0]!.nodes.map((n) => n.name)).toEqual(way)
    expect(steps.map((s) => s.place[0])).toEqual([0, 1, 2, 3, 4, 4, 3, 2, 1, 0])
  })

  test('a hop between seen ones that was not seen itself is said to be so', () => {
    const traced = delivered()
    const forward = traced.forward.map((h, i) => (i === 5 ? { ...h, evidence: 'predicted' as const, layers: [], at: null } : h))
    const { steps } = view({ ...traced, forward }, lab())
    expect(steps[5]).toMatchObject({ text: 'not seen here; it must have passed', layers: [] })
    expect(steps[6]!.layers.every((l) => l.state === 'same')).toBe(true)
  })

  test('a packet that was dropped before anything saw it still has a place', () => {
    const traced = policyDrop()
    const drop = { ...traced.drop!, node: 'pod-a', device: 'eth0', cause: 'own-firewall' as const }
    for (const forward of [[], traced.forward.map((h) => ({ ...h, evidence: 'predicted' as const, layers: [], at: null }))]) {
      const { stages, steps } = view({ ...traced, forward, captures: [], drop }, lab())
      expect(stages[0]!.drop).toEqual([0, 0])
      expect(steps).toMatchObject([{ drop: true, place: [0, 0], layers: [] }])
    }
    const elsewhere = { ...traced, drop: { ...traced.drop!, node: 'node-9', device: 'x' } }
    expect(view(elsewhere, lab()).stages[0]!.drop).toEqual([3, 1])
  })
})

describe('the page', () => {
  test.each(Object.entries(STORIES))('%s: well-formed, self-contained, its script and style allowed by their hashes alone', (_, make) => {
    const html = traceHtml(make(), lab())
    const script = /<script>([^]*?)<\/script>/.exec(html)![1]!
    const style = /<style>([^]*?)<\/style>/.exec(html)![1]!
    for (const [name, text] of Object.entries({ script, style })) {
      expect(html).toContain(`${name}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`)
    }
    expect(() => new Script(script)).not.toThrow()
    const ours = html.replaceAll('http://www.w3.org/2000/svg', '')
    expect(ours.match(/https?:|@import|url\(|<link(?! rel="icon" href="data:,")|<img|<iframe/g) ?? []).toEqual([])
    expect(html.match(/<script/g)).toHaveLength(2)
    expect(data(html).steps.length).toBeGreaterThan(0)
    expect(html.match(/data-step=/g)).toHaveLength(data(html).steps.length)
  })

  test('the verdict is in the page without its script', () => {
    const html = traceHtml(policyDrop(), lab())
    expect(html).toContain('<strong>Dropped by policy shop/deny-all at node-2, on vxlan1</strong>')
    expect(html).toContain('-j DROP')
    expect(html).toContain('lab.yaml:8')
    expect(html.match(/never reached/g)).toHaveLength(3)
    expect(traceHtml(delivered(), lab())).toContain('Delivered, answered in 0.')
    expect(traceHtml({ ...delivered(), outcome: 'unanswered', rttMs: null }, lab())).toContain('No answer from shop/cart')
  })

  test('folders of this machine stay here', () => {
    const traced = policyDrop()
    const html = traceHtml(
      {
        ...traced,
        file: '/home/me/lab.yaml',
        drop: { ...traced.drop!, source: '/home/me/lab.yaml:8', hint: 'netlab up /home/me/lab.yaml' },
      },
      lab(),
    )
    expect(html).not.toContain('/home/me')
    expect(html).toContain('lab.yaml:8')
  })

  test('texts that want to leave stay texts', () => {
    const html = traceHtml(hostile(), lab())
    expect(html).not.toContain('<script>window')
    expect(html).not.toContain('<img')
    expect(html).not.toContain('\u2028"}')
    expect(JSON.stringify(data(html))).toContain('</script><script>window.evil=1')
  })
})
