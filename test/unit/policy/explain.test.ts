import { hidingOf } from '../../../src/attach/index.ts'
import { describe, expect, test } from 'vitest'
import type { Lab } from '../../../src/lab/lab.ts'
import { resolveTarget } from '../../../src/lab/actors.ts'
import { hostSource } from '../../../src/backends/index.ts'
import { clusterFrontend, frontendFor } from '../../../src/lab/services/semantics.ts'
import { serviceVerdict } from '../../../src/lab/services/service-verdict.ts'
import { serviceOf } from '../../../src/lab/services/services.ts'
import { verdict, type End } from '../../../src/lab/policy/verdict.ts'
import { serviceDocument, serviceText } from '../../../src/report/lab/policy-explain.ts'
import { chalkFor } from '../../../src/report/formats/terminal.ts'
import { lab } from '../lab/fixture.ts'

const plain = chalkFor({ isTTY: false } as unknown as NodeJS.WriteStream)

const TEXT = (more: string): string => `
name: t
network: { podCIDR: [10.244.0.0/16, 'fd00:10:244::/48'] }
hosts: { node-1: {}, node-2: {} }
pods:
  client: { host: node-1, labels: { app: client } }
  web-1: { host: node-1, labels: { app: web, part: a }, containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }] }] }
  web-2: { host: node-2, labels: { app: web, part: b }, containers: [{ name: c, ports: [{ name: http, containerPort: 9090 }] }] }
externals: { out: {} }
services:
  web: { selector: { app: web }, ipFamilyPolicy: PreferDualStack, ports: [{ name: main, port: 80, targetPort: http }] }
  near: { selector: { part: b }, internalTrafficPolicy: Local, ports: [{ port: 80 }] }
  none: { selector: { app: nobody }, ports: [{ port: 80 }] }
policies:
${more}`

const OPEN = '  other: { podSelector: { matchLabels: { app: nobody } } }\n'
const PORT_8080 = '  p: { podSelector: { matchLabels: { app: web } }, ingress: [{ ports: [{ port: 8080 }] }] }\n'
const PORT_80 = '  p: { podSelector: { matchLabels: { app: web } }, ingress: [{ ports: [{ port: 80 }] }] }\n'
const NAMED = '  p: { podSelector: { matchLabels: { app: web } }, ingress: [{ ports: [{ port: http }] }] }\n'

const actor = (l: Lab, word: string): End => {
  const found = resolveTarget(l, word)
  if (found?.kind !== 'actor') throw new Error(`${word} is no node or address`)
  return found.actor
}
const ask = (l: Lab, from: string, service: string, family: 4 | 6 = 4) => {
  const s = serviceOf(l, service)!
  const client = actor(l, from)
  if (client.kind === 'address') throw new Error(`${from} is no node`)
  return serviceVerdict(l, client, clusterFrontend(l, client, s, s.ports[0]!, family), family, hostSource, hidingOf)
}
const ways = (l: Lab, from: string, service: string, family: 4 | 6 = 4): [string, boolean][] =>
  ask(l, from, service, family).ways.map((w) => [`${w.endpoint.pod} ${w.endpoint.port}`, w.verdict.allowed])

describe('a Service, after it has chosen', () => {
  test('each pod with its own port, in both families', () => {
    const open: [string, boolean][] = [
      ['web-1 8080', true],
      ['web-2 9090', true],
    ]
    expect(ways(lab(TEXT(OPEN)), 'client', 'web')).toEqual(open)
    expect(ways(lab(TEXT(OPEN)), 'client', 'web', 6)).toEqual(open)
  })
  test("rules mean the pod's port: one pod may be open and the other not", () => {
    const l = lab(TEXT(PORT_8080))
    expect(ways(l, 'client', 'web')).toEqual([
      ['web-1 8080', true],
      ['web-2 9090', false],
    ])
    expect(ask(l, 'client', 'web').allowed).toBe(false)
  })
  test("the Service's own port is no endpoint's", () =>
    expect(ways(lab(TEXT(PORT_80)), 'client', 'web').map(([, a]) => a)).toEqual([false, false]))
  test('a name is looked up in each pod', () => expect(ask(lab(TEXT(NAMED)), 'client', 'web').allowed).toBe(true))
  test('a host always reaches its own pods, and asks for those of others', () => {
    expect(ways(lab(TEXT(PORT_80)), 'node-1', 'web').map(([, a]) => a)).toEqual([true, false])
  })
  test('a pod reaches itself', () => expect(ways(lab(TEXT(PORT_80)), 'web-1', 'web').map(([, a]) => a)).toEqual([true, false]))
  test('no endpoint: refused; none on this host with policy Local: dropped', () => {
    const l = lab(TEXT(OPEN))
    expect(ask(l, 'client', 'none')).toEqual({ ways: [], allowed: false, without: 'refused' })
    expect(ask(l, 'client', 'near')).toEqual({ ways: [], allowed: false, without: 'dropped' })
    expect(ask(l, 'web-2', 'near').allowed).toBe(true)
  })
  test('is told pod by pod', () => {
    const l = lab(TEXT(PORT_8080))
    const asked = {
      from: 'client',
      to: 'svc/web',
      port: '80/tcp',
      family: 4 as const,
      address: '10.96.1.1',
      verdict: ask(l, 'client', 'web'),
      nearest: new Map(),
    }
    const text = serviceText(asked, plain)
    expect(text).toContain('client → svc/web (10.96.1.1), 80/tcp, IPv4: allowed to 1 of 2')
    expect(text).toMatch(/web-1 10\.244\.0\.\d+:8080: allowed\n(.*\n)*?.*policy default\/p ingress\[0\]: 8080\/tcp from anyone/)
    expect(text).toMatch(/web-2 10\.244\.1\.\d+:9090: denied\n(.*\n)*?.*no rule of it allows this/)
    expect(serviceDocument(asked)).toMatchObject({
      allowed: false,
      endpoints: [
        { node: 'web-1', port: 8080, allowed: true },
        { node: 'web-2', port: 9090, allowed: false },
      ],
    })
  })
})

describe('a node port', () => {
  const l = lab(`
name: t
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  client: { host: node-1, labels: { app: client } }
  web: { host: node-2, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
externals: { out: {} }
services:
  web: { type: NodePort, selector: { app: web }, externalIPs: [192.168.50.13], ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }] }
policies:
  out: { podSelector: { matchLabels: { app: client } }, policyTypes: [Egress], egress: [{ to: [{ podSelector: { matchLabels: { app: web } } }] }] }
  in: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: client } } }] }] }
`)
  // Measured: `netlab trace` to each of them, and the chain that dropped it.
  test.each([
    // Its own host translates and hides it: egress sees the pod, ingress the host.
    ['client', '192.168.50.11', 30_081, 'node-1', { egress: true, ingress: false }],
    // Another host translates: egress sees that host and its port.
    ['client', '192.168.50.12', 30_081, 'client', { egress: false, ingress: true }],
    ['client', '192.168.50.13', 30_081, 'client', { egress: false, ingress: true }],
    ['client', '192.168.50.13', 80, 'node-1', { egress: true, ingress: false }],
    ['out', '192.168.50.12', 30_081, 'out', { egress: true, ingress: false }],
    ['out', '192.168.50.11', 30_081, 'node-1', { egress: true, ingress: false }],
  ] as const)('%s asks %s:%i', (from, address, port, seen, { egress, ingress }) => {
    const client = actor(l, from)
    if (client.kind === 'address') throw new Error(`${from} is no node`)
    const frontend = frontendFor(l, client, address, { protocol: 'tcp', port })!
    const [way] = serviceVerdict(l, client, frontend, 4, hostSource, hidingOf).ways
    expect({ egress: way!.verdict.egress.allowed, ingress: way!.verdict.ingress.allowed }).toEqual({ egress, ingress })
    expect(way!.verdict.allowed).toBe(egress && ingress)
    expect(way!.from).toMatchObject({ name: seen })
  })
})

describe('an address', () => {
  const BLOCK = `  p:
    podSelector: { matchLabels: { app: web } }
    policyTypes: [Ingress, Egress]
    ingress: [{ from: [{ ipBlock: { cidr: 198.51.100.0/24, except: [198.51.100.128/25] } }] }]
    egress: [{ to: [{ ipBlock: { cidr: 10.244.1.0/32 } }, { ipBlock: { cidr: 2001:db8::/32 } }] }]
`
  const l = lab(TEXT(BLOCK))
  const allowed = (from: string, to: string, family: 4 | 6 = 4): boolean => {
    const target = resolveTarget(l, to)
    if (target?.kind !== 'actor') throw new Error(`${to} is no node`)
    const toAddress = target.address === undefined ? {} : { toAddress: target.address }
    return verdict(l, { from: actor(l, from), to: target.actor, ...toAddress, protocol: 'TCP', port: 8080, family }, hostSource).allowed
  }
  test('of no node is what ipBlocks are about', () => {
    expect(allowed('198.51.100.7', 'web-2')).toBe(true)
    expect(allowed('198.51.100.200', 'web-2')).toBe(false)
    expect(allowed('web-2', '198.51.100.7')).toBe(false)
    expect(allowed('web-2', '2001:db8:0:0::5', 6)).toBe(true)
    expect(allowed('web-2', '2001:db9::5', 6)).toBe(false)
  })
  test("of a node is that node's", () => {
    expect(actor(l, '10.244.0.2')).toMatchObject({ kind: 'pod', key: 'client' })
    expect(actor(l, 'fd00:10:244::2')).toMatchObject({ kind: 'pod', key: 'client' })
    expect(actor(l, '192.168.50.11')).toMatchObject({ kind: 'host', name: 'node-1' })
    expect(actor(l, '203.0.113.10')).toMatchObject({ kind: 'external', name: 'out' })
    expect(actor(l, '192.0.2.77')).toMatchObject({ kind: 'address', name: '192.0.2.77' })
  })
  test('of a host may be one of several: rules see the one that is asked for', () => {
    expect(allowed('web-1', '10.244.1.0')).toBe(true)
    expect(allowed('web-1', '192.168.50.12')).toBe(false)
  })
  test('of a Service is the Service', () =>
    expect(resolveTarget(l, serviceOf(l, 'web')!.clusterIPs[0]!.ip)).toMatchObject({ kind: 'service' }))
  test('words without a target', () => {
    for (const word of ['nobody', 'svc/nobody', 'switch-lan', '10.244.0.0/24']) expect(resolveTarget(l, word)).toBeUndefined()
  })
})
