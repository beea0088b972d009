import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/compile/compile.ts'
import { frontendOn } from '../../../src/lab/services/semantics.ts'
import type { Chain } from '../../../src/kernel/objects.ts'
import { share } from '../../../src/services/iptables/rules.ts'
import { servicesOf } from '../../../src/services/index.ts'
import { staleFlows } from '../../../src/services/stale.ts'
import { lab } from '../lab/fixture.ts'

const LAB = (services: string, families = '10.244.0.0/16'): string => `
name: t
network: { podCIDR: [${families}] }
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1, labels: { app: web } }
  b: { host: node-2, labels: { app: web } }
  c: { host: node-2, labels: { app: web } }
services:
${services}
`
const chains = (services: string, families?: string): Chain[] =>
  compile(lab(LAB(services, families))).objects.filter((o): o is Chain => o.kind === 'chain')
const on = (host: string, list: Chain[]): Map<string, readonly string[]> =>
  new Map(list.filter((c) => c.ns === `t.${host}` && c.family === 4).map((c) => [`${c.table} ${c.chain}`, c.rules]))
const target = (rule: string): string => /-j (\S+)/.exec(rule)![1]!
const TARGETS = new Set(['MARK', 'RETURN', 'DNAT', 'MASQUERADE', 'REJECT', 'DROP', 'ACCEPT'])

const SOME = `
  web: { type: NodePort, sessionAffinity: ClientIP, selector: { app: web }, ipFamilyPolicy: PreferDualStack, ports: [{ name: a, port: 80 }, { name: b, port: 81, protocol: UDP }, { name: c, port: 82, protocol: SCTP }] }
  loc: { type: NodePort, externalTrafficPolicy: Local, internalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80 }] }
  out: { externalIPs: [192.0.2.1, "2001:db8::1"], selector: { app: web }, ipFamilyPolicy: PreferDualStack, ports: [{ port: 80 }] }
  none: { ports: [{ port: 80 }] }
  head: { clusterIP: None, selector: { app: web } }
`

describe('chains hang together', () => {
  const all = chains(SOME, "10.244.0.0/16, 'fd00:10:244::/48'")
  test('every jump leads to a chain of its table and family, and every chain is jumped to', () => {
    const key = (c: Chain, name = c.chain): string => `${c.ns} ${c.family} ${c.table} ${name}`
    const known = new Set(all.map((c) => key(c)))
    const used = new Set<string>()
    for (const c of all) for (const rule of c.rules) if (!TARGETS.has(target(rule))) used.add(key(c, target(rule)))
    expect([...used].filter((name) => !known.has(name))).toEqual([])
    expect(all.filter((c) => !c.builtin && !used.has(key(c))).map((c) => key(c))).toEqual([])
  })
  test('one object a chain, one jump a hook', () => {
    const keys = all.map((c) => `${c.ns} ${c.family} ${c.table} ${c.chain}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(on('node-1', all).get('nat POSTROUTING')!.map(target)).toEqual(['KUBE-POSTROUTING', 'NETLAB-MASQ'])
  })
  test('names fit: xtables takes 28 characters', () => {
    expect(all.filter((c) => c.chain.length > 28)).toEqual([])
  })
  test('IPv6 rules hold IPv6 addresses, IPv4 rules none', () => {
    for (const c of all) for (const rule of c.rules) expect(/--to-destination \[|-[sd] [0-9a-f]*:/.test(rule) && c.family === 4).toBe(false)
  })
})

describe('a cluster address', () => {
  const node = on('node-1', chains('  web: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }'))
  const svc = [...node.keys()].find((k) => k.startsWith('nat KUBE-SVC-'))!
  test('is looked for first, node ports last', () => {
    expect(node.get('nat KUBE-SERVICES')).toEqual([
      `-d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j ${svc.slice(4)}`,
      '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ])
  })
  test('is shared out evenly; who is not a pod is masqueraded', () => {
    const rules = node.get(svc)!
    expect(rules[0]).toBe(
      '! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
    )
    expect(rules.slice(1).map((r) => /probability (\S+)/.exec(r)?.[1])).toEqual(['0.33333333349', '0.50000000000', undefined])
    expect(rules.slice(1).map((r) => /-> (\S+)"/.exec(r)?.[1])).toEqual(['10.244.0.2:8080', '10.244.1.2:8080', '10.244.1.3:8080'])
  })
  test('becomes a pod, who is not to meet itself', () => {
    const sep = target(node.get(svc)![1]!)
    expect(node.get(`nat ${sep}`)).toEqual([
      '-s 10.244.0.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ',
      '-p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.0.2:8080',
    ])
  })
})

test('shares are what the kernel prints back', () => {
  expect([2, 3, 7].map((n) => /\d\.\d+/.exec(share(n))![0])).toEqual(['0.50000000000', '0.33333333349', '0.14285714272'])
})

test('policies: Local chains differ from host to host', () => {
  const all = chains(
    '  loc: { type: NodePort, externalTrafficPolicy: Local, internalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80 }] }',
  )
  const local = (host: string): number =>
    [...on(host, all)].filter(([k]) => k.startsWith('nat KUBE-SVL-')).flatMap(([, r]) => r.filter((x) => target(x).startsWith('KUBE-SEP-')))
      .length
  expect([local('node-1'), local('node-2')]).toEqual([1, 2])
  const nobodyHere = chains(
    '  loc: { type: NodePort, externalTrafficPolicy: Local, selector: { app: web, only: x }, ports: [{ port: 80 }] }',
  )
  expect(on('node-1', nobodyHere).get('filter KUBE-EXTERNAL-SERVICES')!.map(target)).toEqual(['REJECT'])
})

describe('what a host refuses or drops', () => {
  const l = lab(
    LAB(`
  near: { type: NodePort, clusterIP: 10.96.0.7, externalIPs: [192.0.2.1], externalTrafficPolicy: Local, internalTrafficPolicy: Local, selector: { app: near }, ports: [{ name: tcp, port: 80, nodePort: 30080 }, { name: udp, protocol: UDP, port: 80, nodePort: 30080 }] }
  none: { clusterIP: 10.96.0.8, ports: [{ port: 80 }] }`).replace('labels: { app: web } }', 'labels: { app: near } }'),
  )
  const compiled = compile(l).objects.filter((o): o is Chain => o.kind === 'chain' && o.table === 'filter')
  const refusal = (host: number, address: string, port: number, protocol: 'tcp' | 'udp') => {
    const found = frontendOn(l, l.hosts[host]!, address, { protocol, port })
    if (typeof found !== 'object' || found.kind === 'host') throw new Error(`no Service at ${address}:${port}`)
    return servicesOf(l).refusal(l, found)
  }
  test.each([
    [1, '10.96.0.7', 80, 'tcp'],
    [1, '10.96.0.7', 80, 'udp'],
    [1, '192.0.2.1', 80, 'udp'],
    [1, '192.168.50.12', 30080, 'tcp'],
    [0, '10.96.0.8', 80, 'tcp'],
  ] as const)('is counted by the rule about it: host %i, %s %i/%s', (host, address, port, protocol) => {
    const counter = refusal(host, address, port, protocol)!
    const [chain, rule] = compiled
      .filter((c) => c.ns === counter.ns)
      .flatMap((c) => c.rules.flatMap((r) => (counter.id === `${c.chain} ${r}` ? [[c.chain, r] as const] : [])))[0]!
    expect(chain).toBe(address.startsWith('10.') ? 'KUBE-SERVICES' : 'KUBE-EXTERNAL-SERVICES')
    expect(rule).toContain(port === 80 ? `-d ${address}/32 -p ${protocol} ` : `--dst-type LOCAL -m ${protocol} --dport ${port} `)
    const { port: name, isLocal } = servicesOf(l).explain(`-A ${chain} ${rule}`)!
    expect([name, isLocal]).toEqual(address === '10.96.0.8' ? ['default/none', false] : [`default/near:${protocol}`, true])
  })
  test('is nothing where there is an endpoint', () => expect(refusal(0, '10.96.0.7', 80, 'tcp')).toBeUndefined())
  test('is told from other rules', () => expect(servicesOf(l).explain('-A FORWARD -j DROP')).toBeUndefined())
})

test('without Services, and with headless ones only, there are no chains of kube-proxy', () => {
  for (const services of ['  {}', '  head: { clusterIP: None, selector: { app: web } }'])
    expect(chains(services).filter((c) => c.chain.startsWith('KUBE'))).toEqual([])
})

test('a lab with Services asks for what they need', () => {
  const needs = (services: string, families?: string): readonly string[] => compile(lab(LAB(services, families))).needs
  expect(needs(SOME, "10.244.0.0/16, 'fd00:10:244::/48'")).toEqual(expect.arrayContaining(['services', 'services6']))
  expect(needs('  web: { ports: [{ port: 1 }] }', "10.244.0.0/16, 'fd00:10:244::/48'")).not.toContain('services6')
  expect(needs('  {}')).not.toContain('services')
})

describe('UDP flows that a change makes stale', () => {
  const DNS = '  dns: { selector: { app: web }, ports: [{ name: u, port: 53, protocol: UDP }, { name: t, port: 53 }] }'
  const dns = (label = ''): ReturnType<typeof lab> => lab(LAB(DNS.replace('app: web', `app: web${label}`)))
  const NODE = (label = ''): ReturnType<typeof lab> =>
    lab(LAB(`  dns: { type: NodePort, selector: { app: web${label} }, ports: [{ name: u, port: 53, protocol: UDP, nodePort: 30086 }] }`))
  const OUTER = lab(LAB('  dns: { externalIPs: [192.0.2.1], selector: { app: web }, ports: [{ name: u, port: 53, protocol: UDP }] }'))
  const vip = { address: dns().services[0]!.clusterIPs[0]!.ip, port: 53 }
  const port = { address: '192.168.50.11', port: 30_086 }
  const [a, c] = ['10.244.0.2', '10.244.1.3']

  test('none where no UDP Service changes', () => expect(staleFlows(dns(), dns())).toBeUndefined())
  test('those to a pod that left, and none to one that stays', () => {
    const isStale = staleFlows(dns(), lab(LAB(DNS).replace('c: { host: node-2,', 'c: { host: node-2, ready: false,')))!
    expect(isStale({ ...vip, answeredBy: c })).toBe(true)
    expect(isStale({ ...vip, answeredBy: a })).toBe(false)
    expect(isStale({ address: '192.0.2.9', port: 53, answeredBy: '192.0.2.9' })).toBe(false)
  })
  test('those to the last pod that left', () => {
    const isStale = staleFlows(dns(), dns(', no: body'))!
    expect(isStale({ ...vip, answeredBy: a })).toBe(true)
    expect(isStale({ ...vip, answeredBy: vip.address })).toBe(false)
  })
  test('those that were sent on untranslated before the first endpoint, the node port or the external address came', () => {
    expect(staleFlows(dns(', no: body'), dns())!({ ...vip, answeredBy: vip.address })).toBe(true)
    expect(staleFlows(dns(), NODE())!({ ...port, answeredBy: port.address })).toBe(true)
    expect(staleFlows(dns(), NODE())!({ ...port, answeredBy: a })).toBe(false)
    expect(staleFlows(dns(), NODE())!({ ...vip, answeredBy: a })).toBe(false)
    expect(staleFlows(dns(), OUTER)!({ address: '192.0.2.1', port: 53, answeredBy: '192.0.2.1' })).toBe(true)
  })
  test('those to a node port that is gone and led to a pod', () => {
    expect(staleFlows(NODE(), dns())!({ ...port, answeredBy: a })).toBe(true)
    expect(staleFlows(NODE(), dns())!({ ...port, answeredBy: port.address })).toBe(false)
  })
})
