/** Policies are judged after Services have chosen a pod: they see its own address and port, and the client's. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileFile } from '../../src/commands/context.ts'
import { Enter } from '../../src/kernel/enter.ts'
import { removeLab } from '../../src/state/down.ts'
import { bringUp } from '../../src/state/up.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { Fleet } from './fleet.ts'

ownMachine()

const VIP = '10.96.0.77'
const WEB = { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }] }
const PODS = {
  web: { host: 'node-1', labels: { app: 'web' }, ...WEB },
  near: { host: 'node-1', labels: { app: 'near' } },
  far: { host: 'node-2', labels: { app: 'far' } },
}
const SERVICE = { selector: { app: 'web' }, clusterIP: VIP, ports: [{ port: 80, targetPort: 'http' }] }
const pods = (app: string): object => ({ podSelector: { matchLabels: { app } } })

interface Case {
  readonly teaches: string
  readonly policies: object
  /** Who reaches the Service. */
  readonly reach: readonly string[]
}

const CASES: readonly Case[] = [
  { teaches: 'without policies everybody reaches the Service, the pod behind it too', policies: {}, reach: ['web', 'near', 'far'] },
  {
    teaches: 'a pod that is isolated both ways still reaches itself through its Service',
    policies: { p: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'] } },
    reach: ['web'],
  },
  {
    teaches: "ingress rules mean the pod's port, not the Service's",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 8080 }] }] } },
    reach: ['web', 'near', 'far'],
  },
  {
    teaches: "the Service's port means nothing to them",
    policies: { p: { ...pods('web'), ingress: [{ ports: [{ port: 80 }] }] } },
    reach: ['web'],
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
  },
  {
    teaches: "a rule for the Service's address allows nothing",
    policies: { p: { ...pods('far'), policyTypes: ['Egress'], egress: [{ to: [{ ipBlock: { cidr: `${VIP}/32` } }] }] } },
    reach: ['web', 'near'],
  },
]

for (const attach of ['bridge', 'routed']) {
  describe(`policies and Services, ${attach}`, { skip: unable }, () => {
    const name = `nlpo-${randomBytes(3).toString('hex')}`
    const dir = mkdtempSync(join(tmpdir(), 'nlpo-'))
    const file = join(dir, 'lab.yaml')
    const enter = new Enter()
    const fleet = new Fleet((node) => `${name}.${node}`)
    const up = async (policies: object): Promise<void> => {
      writeFileSync(
        file,
        JSON.stringify({ name, network: { attach }, hosts: { node: { replicas: 2 } }, pods: PODS, services: { web: SERVICE }, policies }),
      )
      const { outcome } = await bringUp(compileFile(file).compiled, enter)
      // A policy that selects nobody makes nothing, so taking it away changes nothing.
      assert.ok(['created', 'changed', 'unchanged'].includes(outcome), outcome)
    }
    before(async () => {
      await up({ other: { podSelector: { matchLabels: { app: 'nobody' } } } })
      await sleep(300)
    })
    after(async () => {
      await fleet.close()
      await removeLab(name, enter)
      enter.close()
      rmSync(dir, { recursive: true, force: true })
    })
    for (const { teaches, policies, reach } of CASES) {
      it(teaches, async () => {
        await up(policies)
        const clients = Object.keys(PODS)
        const answers = await fleet.ask(
          clients.map((from) => ({ from, kind: 'tcp', address: VIP, port: 80 })),
          900,
        )
        assert.deepEqual(
          Object.fromEntries(clients.map((c, i) => [c, answers[i]!.text.startsWith('web ') ? 'ok' : answers[i]!.outcome])),
          Object.fromEntries(clients.map((c) => [c, reach.includes(c) ? 'ok' : 'timeout'])),
        )
      })
    }
  })
}
