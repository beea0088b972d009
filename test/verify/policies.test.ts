/** Policies: what is computed is measured, and a deny is one only where a policy made it. Faults are made by hand. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { policyDamages } from '../support/damages.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { broken, damaged, foreignRule, tested, the } from './support.ts'

ownMachine()
oneProcess()

/** Half of the wait for what should be answered, so that what fails fails sooner. */
const SOON = ['--only', 'policy', '--timeout', '1200ms']

for (const [module, damage] of Object.entries(policyDamages))
  describe(`a test of policies, by ${module}`, { skip: unable }, () => {
    const lab = new Lab({
      network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], policy: module },
      hosts: { 'node-1': {}, 'node-2': {} },
      pods: {
        web: { host: 'node-1', labels: { app: 'web' } },
        near: { host: 'node-1', labels: { app: 'near' } },
        db: { host: 'node-2', labels: { app: 'db' }, containers: [{ name: 'c', ports: [{ containerPort: 5432 }] }] },
        far: { host: 'node-2' },
      },
      policies: {
        db: {
          podSelector: { matchLabels: { app: 'db' } },
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 5432 }] }],
        },
        near: {
          podSelector: { matchLabels: { app: 'near' } },
          policyTypes: ['Egress'],
          egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }],
        },
      },
    })
    const DB = '10.244.1.2'
    const NEAR = '10.244.0.3'
    before(() => lab.mustUp())
    after(() => lab.remove())

    it('finds a healthy lab as computed, counts what it denied, and leaves it as it was', async () => {
      const document = await tested(lab, '--only', 'policy')
      assert.deepEqual(broken(document), [])
      // 5432/tcp, 9/tcp (the control), 53/udp and ICMP, in two families. To db: web on three of them, far and node-1 on all,
      // near on 53/udp, which alone its egress lets out. Allowed is web on one.
      assert.match(
        the(document, 'policy:default/db').detail ?? '',
        /^24 denied, 2 allowed, as computed, each deny counted by the rule that made it/,
      )
      // Near may send 53/udp to web, far and node-2, and to db as far as egress goes; all else is denied.
      assert.match(the(document, 'policy:default/near').detail ?? '', /^24 denied, 6 allowed, as computed/)
      await lab.mustBeHealthy()
    })

    it('notices that a deny is gone', async () => {
      await damaged(lab, 'node-2', damage.allows(9), async () => {
        const document = await tested(lab, ...SOON)
        assert.deepEqual(broken(document), [
          'policy-denies far → db 9/tcp',
          'policy-denies node-1 → db 9/tcp',
          'policy-denies web → db 9/tcp',
        ])
        const { detail, source } = the(document, 'policy-denies', 'far')
        assert.match(
          detail ?? '',
          /^IPv4: answered by db; ingress of db is isolated by policy default\/db \(.*\), and no rule of it allows this$/,
        )
        assert.match(source ?? '', new RegExp(`^${lab.file}:\\d+$`))
      })
    })

    it('notices that something is refused where policies drop', async () => {
      const rule = `FORWARD -d ${DB} -p tcp --dport 9 -j REJECT`
      await damaged(lab, 'node-2', foreignRule(rule), async () => {
        const document = await tested(lab, ...SOON)
        assert.match(the(document, 'policy-denies', 'far').detail ?? '', /refused.*, and what policies deny is dropped without a word/)
      })
    })

    it('notices that what is allowed falls silent: a peer is not known', async () => {
      await damaged(lab, 'node-2', damage.forgetsPeer('10.244.0.2'), async () => {
        const document = await tested(lab, ...SOON)
        assert.deepEqual(broken(document), ['policy-allows web → db 5432/tcp'])
        assert.match(
          the(document, 'policy-allows').detail ?? '',
          /^IPv4: silence; policy default\/db ingress\[0\]: 5432\/tcp from app=web in default/,
        )
      })
    })

    it('notices that another pod answers', async () => {
      const rule = `PREROUTING -d ${DB} -p tcp --dport 5432 -j DNAT --to-destination 10.244.1.3`
      await damaged(lab, 'node-1', foreignRule(rule, 'nat'), async () => {
        assert.match(the(await tested(lab, ...SOON), 'policy-allows', 'web').detail ?? '', /answered by far instead/)
      })
    })

    it('takes no broken path for a deny, and names the pairs whose packets no policy met', async () => {
      // Nothing new comes from near to db any more; that policies deny all of it is no excuse.
      const rule = `PREROUTING -s ${NEAR} -d ${DB} -m conntrack --ctstate NEW -j DROP`
      await damaged(lab, 'node-1', foreignRule(rule, 'mangle'), async () => {
        const document = await tested(lab, ...SOON, '--matrix')
        // On each of four ports over IPv4: the two families look different then.
        const squares = document.matrix!.sheets.flatMap((s) => s.titles.flatMap((t) => s.squares.flat().map((square) => ({ t, square }))))
        assert.deepEqual(squares.flatMap(({ t, square }) => (square === 'unproven' ? [t] : [])).toSorted(), [
          '53/udp IPv4',
          '5432/tcp IPv4',
          '9/tcp IPv4',
          'icmp IPv4',
        ])
        assert.deepEqual(broken(document), [
          'deny-unproven near → db 53/udp',
          'deny-unproven near → db 5432/tcp',
          'deny-unproven near → db 9/tcp',
          'deny-unproven near → db icmp',
        ])
        assert.match(
          the(document, 'deny-unproven').detail ?? '',
          /^IPv4: silent, but no policy dropped it: the rule "policy default\/near: nothing else goes out" on node-1 counted no packet of it/,
        )
      })
    })
  })
