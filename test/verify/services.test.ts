/** Services: who answers, as whom the client is seen, who is refused and who waits. Each module that makes Services answer is damaged in ways of its own. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serviceDamages } from '../support/damages.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { broken, damaged, foreignRule, tested, the } from './support.ts'

ownMachine()
oneProcess()

const SOON = ['--only', 'service', '--timeout', '1200ms']
const web = (host: string): object => ({
  host,
  labels: { app: 'web' },
  containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }],
})
const to = (app: string, more: object = {}, port: object = { port: 80, targetPort: 'http' }): object => ({
  selector: { app },
  ports: [port],
  ...more,
})

for (const [module, damage] of Object.entries(serviceDamages))
  describe(`a test of Services, by ${module}`, { skip: unable }, () => {
    const lab = new Lab({
      network: { services: module },
      hosts: { 'node-1': {}, 'node-2': {}, 'node-3': {} },
      pods: {
        'web-1': web('node-1'),
        'web-2': web('node-2'),
        db: { host: 'node-2', labels: { app: 'db' } },
        dns: {
          host: 'node-1',
          labels: { app: 'dns' },
          containers: [{ name: 'c', ports: [{ name: 'dns', containerPort: 5353, protocol: 'UDP' }] }],
        },
        client: { host: 'node-1' },
        own: {
          host: 'node-3',
          labels: { app: 'own' },
          containers: [
            {
              name: 'c',
              command: [
                'sh',
                '-c',
                'exec perl -MIO::Socket::INET -e \'my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 7000, ReuseAddr => 1); while (my $c = $s->accept) { print $c "hello\\n" }\'',
              ],
            },
          ],
        },
      },
      externals: { outside: {} },
      services: {
        web: to('web', { type: 'NodePort' }, { port: 80, targetPort: 'http', nodePort: 30080 }),
        local: to('web', { type: 'NodePort', externalTrafficPolicy: 'Local' }, { port: 80, targetPort: 'http', nodePort: 30090 }),
        inside: to('web', { internalTrafficPolicy: 'Local' }),
        sticky: to('web', { sessionAffinity: 'ClientIP' }),
        none: to('nobody'),
        dns: to('dns', {}, { port: 53, targetPort: 'dns', protocol: 'UDP' }),
        db: to('db', { type: 'NodePort', externalIPs: ['198.51.100.7'] }, { port: 5432, nodePort: 30054 }),
        far: to('web', { externalIPs: ['198.51.100.7'] }, { port: 8888, targetPort: 'http' }),
        near: to(
          'web',
          { externalIPs: ['192.168.50.13', '192.168.50.12'], externalTrafficPolicy: 'Local' },
          { port: 8889, targetPort: 'http' },
        ),
        nothing: to('nobody', { externalIPs: ['198.51.100.7'] }, { port: 99 }),
        own: to('own', {}, { port: 7000 }),
      },
      policies: {
        db: { podSelector: { matchLabels: { app: 'db' } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }] }] },
      },
    })
    before(() => lab.mustUp())
    after(() => lab.remove())

    it('finds every Service as it should be, and says who answered', async () => {
      const document = await tested(lab, '--only', 'service')
      assert.deepEqual(broken(document), [])
      assert.match(the(document, 'service:web:80/tcp').detail ?? '', /^answered by web-[12] \(\d+\), web-[12] \(\d+\)$/)
      assert.match(the(document, 'service:local:30090/tcp').detail ?? '', /; 1 dropped, as computed$/)
      // node-3 has no endpoint: own waits there. node-1 and node-2 answer their own.
      assert.match(the(document, 'service:inside:80/tcp').detail ?? '', /; 1 dropped, as computed$/)
      assert.equal(the(document, 'service:none:80/tcp').detail, 'refused: no endpoint is ready')
      // Of six pods and a host, db itself and web may.
      assert.equal(the(document, 'service:db:5432/tcp').detail, 'answered by db (3); 4 dropped, as computed')
      // Behind node ports policies see the host that was asked, or the outsider.
      assert.equal(the(document, 'service:db:30054/tcp').detail, '3 dropped, as computed')
      assert.match(the(document, 'service:dns:53/udp').detail ?? '', /^answered by dns/)
      assert.equal(the(document, 'service:own:7000/tcp').detail, 'answered')
      // Six pods and a host; who is outside has no way there.
      assert.match(the(document, 'service:far:8888/tcp:198.51.100.7').detail ?? '', /^answered by web-[12] \(\d+\), web-[12] \(\d+\)$/)
      assert.match(
        document.untested.join('\n'),
        /from outside, where they are no host's: 198\.51\.100\.7 \(db\), .*\(far\), .*\(nothing\); nothing/,
      )
      // Under the address of its host web-1 is no known pod to db; web-2 is on db's own host, and db meets itself.
      assert.equal(the(document, 'service:db:5432/tcp:198.51.100.7').detail, 'answered by db (2); 5 dropped, as computed')
      assert.match(the(document, 'service:near:8889/tcp:192.168.50.13').detail ?? '', /; 1 dropped, as computed$/)
      assert.match(the(document, 'service:near:8889/tcp:192.168.50.12').detail ?? '', /^answered by web-[12] \(\d+\), web-[12] \(\d+\)$/)
      assert.equal(the(document, 'service:nothing:99/tcp:198.51.100.7').detail, 'refused: no endpoint is ready')
      await lab.mustBeHealthy()
    })

    it('notices a pod that is no endpoint', async () => {
      await damaged(lab, 'node-3', damage.misleads('default/dns', 'udp', '10.244.1.2:5353'), async () => {
        const found = broken(await tested(lab, ...SOON))
        assert.deepEqual(found, ['service-answers own → svc/dns 53/udp'])
      })
    })

    it('notices that a client is hidden', async () => {
      const rule = 'POSTROUTING -s 10.244.0.0/24 -d 10.244.1.2 -j MASQUERADE'
      await damaged(lab, 'node-1', foreignRule(rule, 'nat'), async () => {
        const document = await tested(lab, ...SOON)
        assert.match(the(document, 'service-source', 'client').detail ?? '', /web-2 sees 10\.244\.0\.0 instead of 10\.244\.0\.\d/)
      })
    })

    it('notices silence where a Service has no endpoint, and an answer where it is Local', async () => {
      await damaged(lab, 'node-3', damage.dropsNothing, async () => {
        const document = await tested(lab, ...SOON)
        assert.deepEqual(broken(document), ['service-local outside → 192.168.50.13 8889/tcp', 'service-local outside → node-3 30090/tcp'])
      })
    })

    it('notices a host that does not know an external address', async () => {
      await damaged(lab, 'node-1', damage.forgets('198.51.100.7', 8888), async () => {
        const document = await tested(lab, ...SOON)
        assert.deepEqual(
          broken(document),
          ['client', 'dns', 'node-1', 'web-1'].map((from) => `service-answers ${from} → 198.51.100.7 8888/tcp`),
        )
        assert.match(the(document, 'service-answers').detail ?? '', /; behind it: web-1, web-2$/)
      })
    })

    it('notices a client that an external address does not hide', async () => {
      await damaged(lab, 'node-3', damage.showsClients(8080), async () => {
        const found = broken(await tested(lab, ...SOON))
        assert.ok(found.includes('service-source own → 198.51.100.7 8888/tcp'), found.join('\n'))
      })
    })

    it('notices an endpoint that gets nothing', async () => {
      const nodes = ['node-1', 'node-2', 'node-3']
      const all = async (i: number, work: () => Promise<void>): Promise<void> =>
        i === nodes.length ? work() : damaged(lab, nodes[i]!, damage.alwaysChoosesFirst('default/web'), () => all(i + 1, work))
      await all(0, async () => {
        const document = await tested(lab, ...SOON)
        assert.deepEqual(broken(document), ['service-spreads  →  '])
        assert.match(the(document, 'service-spreads').detail ?? '', /^web-[12] got none of \d+: web-[12] \(\d+\)$/)
      })
    })
  })
