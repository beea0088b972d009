import { expect, test } from 'vitest'
import { portName } from '../../../src/lab/services/services.ts'
import { endpointHash, portHash } from '../../../src/services/iptables/names.ts'

test.each([
  // Found on every cluster: the API server, and its DNS.
  ['default/kubernetes:https', 'TCP', 'NPX46M4PTMTKRN6Y'],
  ['kube-system/kube-dns:dns', 'UDP', 'TCOU7JCQXEZGVUNU'],
  ['kube-system/kube-dns:dns-tcp', 'TCP', 'ERIFXISQEP7F7OF4'],
] as const)('the chain of %s %s is KUBE-SVC-%s, as kube-proxy calls it', (name, protocol, hash) => {
  expect(portHash(name, protocol)).toBe(hash)
})

test('an endpoint has a name of its own, also for the same address in another port', () => {
  const names = [
    endpointHash('a/b', 'TCP', '10.0.0.1:80'),
    endpointHash('a/b', 'TCP', '10.0.0.1:81'),
    endpointHash('a/c', 'TCP', '10.0.0.1:80'),
    endpointHash('a/b', 'UDP', '10.0.0.1:80'),
  ]
  expect(new Set(names).size).toBe(4)
  for (const name of names) expect(`KUBE-SEP-${name}`.length).toBeLessThan(29)
})

test('a port without a name is called by its service', () => {
  expect(portName({ name: 'web', namespace: 'shop' }, {})).toBe('shop/web')
  expect(portName({ name: 'web', namespace: 'shop' }, { name: 'http' })).toBe('shop/web:http')
})
