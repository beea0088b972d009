/** Ports of hosts: every client is answered by the pod, and what keeps one from it is noticed. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { broken, damaged, foreignRule, tested, the } from './support.ts'

ownMachine()
oneProcess()

const SOON = ['--only', 'service', '--timeout', '1200ms']
const ports = (...list: readonly object[]): object => ({ containers: [{ name: 'c', ports: list }] })

for (const [attach, device] of [
  ['bridge', 'cni0'],
  ['routed', 'p1-web'],
  [{ type: 'bridge', name: 'docker0' }, 'docker0'],
] as const)
  describe(`a test of host ports, ${JSON.stringify(attach)}`, { skip: unable }, () => {
    const lab = new Lab({
      network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], attach },
      underlay: { segments: { lan: ['192.168.50.0/24', 'fd00:50::/64'] } },
      hosts: { 'node-1': {}, 'node-2': {} },
      pods: {
        web: {
          host: 'node-1',
          labels: { app: 'web' },
          ...ports({ containerPort: 8080, hostPort: 80 }, { containerPort: 5353, hostPort: 53, protocol: 'UDP' }),
        },
        near: { host: 'node-1' },
        far: { host: 'node-2', ...ports({ containerPort: 8080, hostPort: 80, hostIP: '192.168.50.12' }) },
        local: { host: 'node-2', ...ports({ containerPort: 9000, hostPort: 9000, hostIP: '127.0.0.1' }) },
      },
      externals: { outside: {} },
      services: { web: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] } },
      policies: {
        far: { podSelector: { matchLabels: { none: 'such' } } },
        web: {
          podSelector: { matchLabels: { app: 'web' } },
          ingress: [
            { ports: [{ port: 5353, protocol: 'UDP' }] },
            { from: [{ ipBlock: { cidr: '203.0.113.0/24' } }, { ipBlock: { cidr: '2001:db8:ffff::/64' } }] },
          ],
        },
      },
      expect: [
        { from: 'outside', to: 'node-1', port: '80/tcp', result: 'allow' },
        { from: 'far', to: 'node-1', port: '80/tcp', result: 'deny' },
        { from: 'near', to: 'node-1', port: '53/udp', result: 'allow' },
      ],
    })
    before(() => lab.mustUp())
    after(() => lab.remove())

    it('finds every port as it should be, and policies at work behind it', async () => {
      const document = await tested(lab)
      assert.deepEqual(broken(document), [])
      // The outsider, the host twice and the pod itself; one pod beside it and two elsewhere are no ones that may.
      assert.equal(the(document, 'host-port:node-1:80/tcp:ipv4').detail, 'answered by web (4); 2 dropped, as computed')
      assert.equal(the(document, 'host-port:node-1:80/tcp:ipv6').detail, 'answered by web (3); 2 dropped, as computed')
      assert.equal(the(document, 'host-port:node-1:53/udp:ipv4').detail, 'answered by web (6)')
      assert.equal(the(document, 'host-port:node-2:9000/tcp:127.0.0.1').detail, 'answered by local (1)')
      await lab.mustBeHealthy()
    })

    it('notices a port that leads to another pod', async () => {
      const to = (ip: string) => foreignRule(`PREROUTING -p udp -d 192.168.50.11 --dport 53 -j DNAT --to-destination ${ip}:5353`, 'nat')
      await damaged(lab, 'node-1', to('10.244.0.3'), async () => {
        const document = await tested(lab, ...SOON)
        assert.ok(broken(document).includes('host-port-answers outside → node-1 53/udp'), broken(document).join('\n'))
      })
    })

    it('notices that nothing is hidden', async () => {
      await damaged(lab, 'node-1', foreignRule('POSTROUTING -p udp --dport 5353 -j ACCEPT', 'nat'), async () => {
        const document = await tested(lab, ...SOON)
        assert.ok(broken(document).includes('host-port-answers web → node-1 53/udp'), broken(document).join('\n'))
        assert.ok(broken(document).includes('host-port-answers node-1 → 127.0.0.1 53/udp'), broken(document).join('\n'))
      })
    })

    it('notices that the host does not get there by 127.0.0.1, and status says why', async () => {
      const set = (value: number): string => `sysctl -qw net.ipv4.conf.${device}.route_localnet=${value}`
      await damaged(lab, 'node-1', { breaks: set(0), mends: set(1) }, async () => {
        const document = await tested(lab, ...SOON)
        const found = broken(document)
        assert.deepEqual(found, ['host-port-answers node-1 → 127.0.0.1 53/udp', 'host-port-answers node-1 → 127.0.0.1 80/tcp'])
        assert.ok(document.drift?.some((d) => d.state === 'changed' && d.object.includes('route_localnet')))
      })
      await lab.mustBeHealthy()
    })
  })
