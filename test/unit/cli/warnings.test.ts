import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { compileFile } from '../../../src/cli/topology-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'netlab-warnings-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Warnings about one Service, as `LINE MESSAGE`. */
async function warnings(spec: string): Promise<string[]> {
  const file = join(dir, 'lab.yaml')
  writeFileSync(file, `hosts: { a: {} }\npods: {}\nservices:\n  web: ${spec}\n`)
  return (await compileFile(file)).warnings.map((w) => `${w.line} ${w.message}`)
}

describe('what a Service asks for and a lab does not have is said', () => {
  test('nothing to say', async () => expect(await warnings('{ type: NodePort, ports: [{ port: 80 }] }')).toEqual([]))
  test('a load balancer, and the port where it would ask for health', async () => {
    expect(
      await warnings('{ type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30001, ports: [{ port: 80 }] }'),
    ).toEqual([
      '4 service web: there is no load balancer in a lab: it answers at its cluster address and node ports',
      '4 service web: nothing answers at health check port 30001: it is there for a load balancer to ask',
    ])
  })
  test('a name in DNS', async () => {
    expect(await warnings('{ type: ExternalName, externalName: example.com }')).toEqual([
      '4 service web: ExternalName is an alias in DNS, and a lab has no DNS',
    ])
  })
})
