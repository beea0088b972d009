/** Policies apply after Services have chosen a pod: they see its own address and port, and the client's. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hidingOf } from '../../src/attach/index.ts'
import { hostSource } from '../../src/backends/index.ts'
import { clusterFrontend } from '../../src/lab/services/semantics.ts'
import { serviceVerdict } from '../../src/lab/services/service-verdict.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { ModelLab } from '../support/model-lab.ts'

ownMachine()
oneProcess()

const VIP = '10.96.0.77'
const VIP6 = 'fd00:10:96::77'
// No kernel here has SCTP sockets: the port is declared by a container that does not listen, and the kernel answers for it.
const WEB = {
  containers: [
    { name: 'c', ports: [{ name: 'http', containerPort: 8080 }] },
    { name: 's', command: ['sleep', 'infinity'], ports: [{ name: 'sig', containerPort: 36_412, protocol: 'SCTP' }] },
  ],
}
const PODS = {
  web: { host: 'node-1', labels: { app: 'web' }, ...WEB },
  near: { host: 'node-1', labels: { app: 'near' } },
  far: { host: 'node-2', labels: { app: 'far' } },
}
const SERVICE = {
  selector: { app: 'web' },
  clusterIPs: [VIP, VIP6],
  clusterIP: VIP,
  ipFamilyPolicy: 'RequireDualStack',
  ports: [
    { name: 'main', port: 80, targetPort: 'http' },
    { name: 'sig', port: 3868, targetPort: 'sig', protocol: 'SCTP' },
  ],
}
const pods = (app: string): object => ({ podSelector: { matchLabels: { app } } })

interface Case {
  readonly teaches: string
  readonly policies: object
  /** Pods that reach the Service. */
  readonly reach: readonly string[]
  /** The same by SCTP; default: as by TCP. */
  readonly sctp?: readonly string[]
}

const CASES: readonly Case[] = [
  { teaches: 'without policies every pod reaches the Service, the one behind it too', policies: {}, reach: ['web', 'near', 'far'] },
  {
    teaches: 'a pod that is isolated both ways still reaches itself through its Service',
    policies: { p: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'] } },
    reach: ['web'],
  },
  {
    teaches: "ingress rules mean the pod's port, not the Service's",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 8080 }] }] } },
    reach: ['web', 'near', 'far'],
    sctp: ['web'],
  },
  {
    teaches: "the Service's port means nothing to them",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 80 }] }] } },
    reach: ['web'],
  },
  {
    teaches: "also of SCTP: the pod's port",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 36_412, protocol: 'SCTP' }] }] } },
    reach: ['web'],
    sctp: ['web', 'near', 'far'],
  },
  {
    teaches: "and the Service's SCTP port means nothing",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 3868, protocol: 'SCTP' }, { port: 8080 }] }] } },
    reach: ['web', 'near', 'far'],
    sctp: ['web'],
  },
  {
    teaches: 'ingress rules see the client, not a node',
    policies: { p: { ...pods('web'), ingress: [{ from: [pods('far')] }] } },
    reach: ['web', 'far'],
  },
  {
    teaches: 'egress rules see the pod behind the Service',
    policies: { p: { ...pods('far'), policyTypes: ['Egress'], egress: [{ to: [pods('web')], ports: [{ port: 'http' }] }] } },
    reach: ['web', 'near', 'far'],
    sctp: ['web', 'near'],
  },
  {
    teaches: "a rule for the Service's address allows nothing",
    policies: { p: { ...pods('far'), policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: `${VIP}/32` } }] }] } },
    reach: ['web', 'near'],
  },
]

for (const attach of ['bridge', 'routed']) {
  describe(`policies and Services, ${attach}`, { skip: unable }, () => {
    const running = new ModelLab()
    const up = (policies: object): Promise<string> =>
      running.up({
        network: { attach, podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] },
        hosts: { node: { replicas: 2 } },
        pods: PODS,
        services: { web: SERVICE },
        policies,
      })
    before(async () => {
      await up({ other: { podSelector: { matchLabels: { app: 'none' } } } })
      await sleep(300)
    })
    after(() => running.close())
    for (const { teaches, policies, reach, sctp = reach } of CASES) {
      it(teaches, async () => {
        await up(policies)
        const clients = Object.keys(PODS)
        const asked = clients.flatMap((from) =>
          ([4, 6] as const).flatMap((family) => [
            { from, family, kind: 'tcp' as const, port: 80, wanted: reach.includes(from) },
            { from, family, kind: 'sctp' as const, port: 3868, wanted: sctp.includes(from) },
          ]),
        )
        const say = ({ from, kind, port, family }: (typeof asked)[number]): string => `${from} ${port}/${kind} IPv${family}`
        const answers = await running.fleet.ask(
          asked.map((q) => ({ from: q.from, kind: q.kind, address: q.family === 4 ? VIP : VIP6, port: q.port })),
          900,
        )
        assert.deepEqual(
          Object.fromEntries(
            asked.map((q, i) => [
              say(q),
              q.kind === 'sctp' || answers[i]!.outcome !== 'ok' || answers[i]!.text.startsWith('web ')
                ? answers[i]!.outcome
                : answers[i]!.text,
            ]),
          ),
          Object.fromEntries(asked.map((q) => [say(q), q.wanted ? 'ok' : 'timeout'])),
        )
        // What `netlab policy explain FROM svc/web` says.
        const [service] = running.lab.services
        const computed = (q: (typeof asked)[number]): boolean => {
          const port = service!.ports.find((p) => p.port === q.port)!
          const from = running.actor(q.from)
          const frontend = clusterFrontend(running.lab, from, service!, port, q.family)
          return serviceVerdict(running.lab, from, frontend, q.family, hostSource, hidingOf).allowed
        }
        assert.deepEqual(
          Object.fromEntries(asked.map((q) => [say(q), computed(q)])),
          Object.fromEntries(asked.map((q) => [say(q), q.wanted])),
        )
      })
    }
    it('an SCTP port that the Service does not have is refused, not dropped', async () => {
      await up({})
      const answers = await running.fleet.ask(
        [VIP, VIP6].map((address) => ({ from: 'near', kind: 'sctp' as const, address, port: 3869 })),
        900,
      )
      assert.deepEqual(
        answers.map((a) => a.outcome),
        ['refused', 'refused'],
      )
    })
  })
}
