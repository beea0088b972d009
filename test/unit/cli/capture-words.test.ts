import { expect, test } from 'vitest'
import { addressesByName, portsByName } from '../../../src/cli/commands/nodes/capture-words.ts'
import { lab } from '../lab/fixture.ts'

const LAB = lab(`
name: t
hosts: { node-1: {} }
pods:
  web: { labels: { app: web }, containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }, { name: dns, containerPort: 53, protocol: UDP }] }] }
  shop/cart: { labels: { app: cart }, containers: [{ name: c, ports: [{ name: http, containerPort: 9090 }] }] }
externals: { internet: { containers: [{ name: web, ports: [{ name: https, containerPort: 443 }] }] } }
services:
  web: { clusterIP: 10.96.0.50, externalIPs: [192.0.2.1], selector: { app: web }, ports: [{ name: main, port: 80, targetPort: http }] }
  shop/cart-svc: { type: NodePort, clusterIP: 10.96.0.51, selector: { app: cart }, ports: [{ name: http, port: 81, targetPort: http, nodePort: 30081 }] }
  shop/each: { clusterIP: None, selector: { app: cart }, ports: [{ port: 81, targetPort: http }] }
`)
const pod = (key: string): string => LAB.pods.find((p) => p.key === key)!.addresses[0]!.ip

test.each([
  ['web', [pod('web')]],
  ['svc/web', ['10.96.0.50', '192.0.2.1']],
  ['shop/cart-svc', ['10.96.0.51']],
  ['svc/shop/cart-svc', ['10.96.0.51']],
  ['shop/each', [pod('shop/cart')]],
  ['node-1', LAB.hosts[0]!.addresses.map((a) => a.ip)],
  ['nothing', undefined],
])('the addresses of %s', (name, addresses) => expect(addressesByName(LAB).get(name)).toEqual(addresses))

test.each([
  ['http', ['tcp 8080', 'tcp 9090', 'tcp 81', 'tcp 30081', 'tcp 9090']],
  ['main', ['tcp 80', 'tcp 8080']],
  ['dns', ['udp 53']],
  ['https', ['tcp 443']],
  ['nothing', undefined],
])('the ports called %s', (name, ports) =>
  expect(
    portsByName(LAB)
      .get(name)
      ?.map((p) => `${p.protocol} ${p.port}`),
  ).toEqual(ports),
)
