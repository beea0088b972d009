import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hostSource } from '../../../src/backends/index.ts'
import { findNode, type Lab } from '../../../src/lab/lab.ts'
import { verdict, type Actor } from '../../../src/lab/policy/verdict.ts'
import { tries } from '../../../src/report/lab/tries.ts'
import { labFrom, SMALL } from './labs.ts'

const of = (text: string, isOnly = true): string[] => tries(labFrom(text).lab, isOnly)

const WEB = `containers: [{ name: http, ports: [{ containerPort: 8080 }] }]`
const WITH_SERVICE = `
name: shop
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, labels: { app: web }, ${WEB} }
  client: { host: node-2 }
services:
  web: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`

describe('what to try next', () => {
  test('in a plain lab: a ping and a trace of two pods on different hosts, and the test', () => {
    expect(of(SMALL)).toEqual([
      'netlab exec pod-a -- ping -c1 10.244.1.2',
      'netlab trace pod-a pod-b',
      'netlab test small',
      'netlab graph small',
      'netlab down small',
    ])
  })

  test('of several labs, each command names its own', () => {
    expect(of(SMALL, false).slice(0, 3)).toEqual([
      'netlab exec --lab small pod-a -- ping -c1 10.244.1.2',
      'netlab trace pod-a pod-b --lab small',
      'netlab test small',
    ])
  })

  test('a Service is traced by a pod that is no endpoint', () => {
    expect(of(WITH_SERVICE)).toContain('netlab trace client svc/web')
    const two = WITH_SERVICE.replace('ports: [{ port: 80', 'ports: [{ name: a, port: 81, targetPort: 9 }, { name: b, port: 80')
    expect(of(two)).toContain('netlab trace client svc/web --port 80/tcp')
  })

  test('not a Service that refuses: without endpoints, without a listener, denied', () => {
    const none = WITH_SERVICE.replace('selector: { app: web }', 'selector: { app: none }')
    const deaf = WITH_SERVICE.replace(WEB, 'labels: { app: web }').replace('labels: { app: web }, labels', 'labels')
    const denied = `${WITH_SERVICE}policies: { web: { podSelector: { matchLabels: { app: web } }, policyTypes: [Ingress] } }\n`
    for (const text of [none, deaf]) expect(of(text).join('\n')).not.toContain('svc/')
    // Its own host is let in, whatever policies say.
    expect(of(denied)).toContain('netlab trace node-1 svc/web')
  })

  test('a pair that policies allow, on a port where ICMP is denied', () => {
    const text = `
name: p
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-2, labels: { app: b }, ${WEB} }
policies:
  all: { podSelector: {}, policyTypes: [Ingress] }
  b: { podSelector: { matchLabels: { app: b } }, ingress: [{ ports: [{ port: 8080 }] }] }
`
    expect(of(text)).toEqual(['netlab trace a b --port 8080/tcp', 'netlab policy p', 'netlab test p', 'netlab graph p', 'netlab down p'])
  })

  test('where no two pods may talk, a pod and its own host', () => {
    const text = `${SMALL}policies: { all: { podSelector: {}, policyTypes: [Ingress, Egress] } }\n`
    expect(of(text).slice(0, 2)).toEqual(['netlab exec node-1 -- ping -c1 10.244.0.2', 'netlab trace node-1 pod-a'])
  })

  test('without pods there is nothing to send', () => {
    expect(of('name: e\nhosts: { node-1: {} }\npods: { agent: { hostNetwork: true } }\n')).toEqual(['netlab graph e', 'netlab down e'])
  })

  test('no example is offered a pair that its policies deny', () => {
    const dir = join(import.meta.dirname, '../../../topologies')
    // The manifests of the others are files beside them.
    const files = readdirSync(dir).filter((f) => f.endsWith('.yaml') && !readFileSync(join(dir, f), 'utf8').includes('manifests:'))
    expect(files.length).toBeGreaterThan(10)
    const allowed = (lab: Lab, line: string): boolean => {
      const [, from, to, port, protocol] = /^netlab trace (\S+) (\S+)(?: --port (\d+)\/(tcp|udp))?/.exec(line)!
      if (to!.startsWith('svc/')) return true
      const ends = { from: findNode(lab, from!) as Actor, to: findNode(lab, to!) as Actor, family: lab.families[0]! }
      const what =
        port === undefined
          ? ({ protocol: 'ICMP' } as const)
          : ({ protocol: protocol === 'udp' ? 'UDP' : 'TCP', port: Number(port) } as const)
      return verdict(lab, { ...ends, ...what }, hostSource).allowed
    }
    for (const file of files) {
      const { lab } = labFrom(readFileSync(join(dir, file), 'utf8'))
      const traces = tries(lab, true).filter((t) => t.startsWith('netlab trace'))
      expect({ file, wrong: traces.filter((t) => !allowed(lab, t)) }).toEqual({ file, wrong: [] })
    }
  })
})
