import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { program } from '../../../src/cli/program.ts'
import { Failure } from '../../../src/cli/failure.ts'
import { explain, policy } from '../../../src/cli/commands/policy/policy-run.ts'

const LAB = `name: t
network: { podCIDR: [10.244.0.0/16, 'fd00:10:244::/48'] }
hosts: { node-1: {}, node-2: {} }
pods:
  client: { host: node-1 }
  web-1: { host: node-2, labels: { app: web } }
  keyed: { host: node-2, labels: { app: keyed } }
  monitor: { host: node-1, labels: { role: monitoring } }
externals: { out: {} }
services:
  web: { selector: { app: web }, ipFamilyPolicy: PreferDualStack, ports: [{ port: 80 }] }
  two: { selector: { app: web }, ports: [{ name: a, port: 1 }, { name: b, port: 2, protocol: UDP }] }
  head: { clusterIP: None, selector: { app: web } }
  np: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30081 }] }
  keyed: { selector: { app: keyed }, ports: [{ port: 80 }] }
policies:
  keyed: { podSelector: { matchLabels: { app: keyed } }, ingress: [{ from: [{ podSelector: { matchLabels: { role: monitor } } }] }] }
  p: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ ipBlock: { cidr: 10.244.0.0/31 } }, { ipBlock: { cidr: 198.51.100.0/24 } }] }] }
`

let dir: string
let out: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netlab-explain-'))
  writeFileSync(join(dir, 'lab.yaml'), LAB)
  out = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => ((out += String(chunk)), true))
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
  rmSync(dir, { recursive: true })
})

type Options = NonNullable<Parameters<typeof explain>[2]>
const ask = (from: string, to: string, options: Options = {}): Promise<void> =>
  explain(from, to, { lab: join(dir, 'lab.yaml'), ...options })
const head = (): string => out.split('\n')[0]!

async function refused(from: string, to: string, options: Options = {}): Promise<[string, string | undefined]> {
  const failure = await ask(from, to, options).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(Failure)
  const [first] = (failure as Failure).diagnostics
  return [first!.code, first!.hint]
}

describe('explains', () => {
  test.each([
    ['client', 'web-1', {}, 'client → web-1, icmp, IPv4: denied', 1],
    ['fd00:10:244::2', 'web-1', {}, 'client → web-1, icmp, IPv6: denied', 1],
    ['198.51.100.7', 'web-1', { port: '80/tcp' }, '198.51.100.7 → web-1, 80/tcp, IPv4: allowed', undefined],
    ['192.0.2.7', 'web-1', { port: '80/tcp' }, '192.0.2.7 → web-1, 80/tcp, IPv4: denied', 1],
    ['node-1', 'web-1', {}, 'node-1 (from 10.244.0.0) → web-1, icmp, IPv4: allowed', undefined],
    ['node-2', 'web-1', { family: '6' }, 'node-2 → web-1, icmp, IPv6: allowed', undefined],
    ['node-1', 'web-1', { family: '6' }, 'node-1 (from fd00:10:244::) → web-1, icmp, IPv6: denied', 1],
    ['web-1', 'fd00:10:244::', {}, 'web-1 → node-1, icmp, IPv6: allowed', undefined],
    ['client', 'svc/web', {}, 'client → svc/web (10.96.1.1), 80/tcp, IPv4: denied', 1],
    ['client', 'svc/default/web', { family: '6' }, 'client → svc/web (fd00:10:96::101), 80/tcp, IPv6: denied', 1],
    ['client', 'fd00:10:96::101', {}, 'client → svc/web (fd00:10:96::101), 80/tcp, IPv6: denied', 1],
    ['client', 'node-1', { port: '30081/tcp' }, 'client → node-1 (Service np), 30081/tcp, IPv4: allowed', undefined],
    ['client', 'node-2', { port: '30081/tcp' }, 'client → node-2 (Service np), 30081/tcp, IPv4: denied', 1],
    ['out', '192.168.50.11', { port: '30081/tcp' }, 'out → node-1 (Service np), 30081/tcp, IPv4: allowed', undefined],
    ['198.51.100.7', 'node-2', { port: '30081/tcp' }, '198.51.100.7 → node-2 (Service np), 30081/tcp, IPv4: allowed', undefined],
    ['out', 'svc/np', {}, 'out → node-1 (Service np), 30081/tcp, IPv4: allowed', undefined],
    ['198.51.100.7', 'svc/np', { port: '80' }, '198.51.100.7 → node-1 (Service np), 30081/tcp, IPv4: allowed', undefined],
    ['node-2', 'svc/two', { port: '2/udp' }, 'node-2 → svc/two (10.96.1.2), 2/udp, IPv4: allowed', undefined],
  ] satisfies [string, string, Options, string, number | undefined][])('%s to %s', async (from, to, options, said, code) => {
    await ask(from, to, options)
    expect(head()).toBe(said)
    expect(process.exitCode).toBe(code)
  })
  test('as one document', async () => {
    await ask('client', 'svc/web', { json: true })
    expect(JSON.parse(out)).toMatchObject({
      to: 'svc/web',
      allowed: false,
      endpoints: [{ node: 'web-1', port: 80, ingress: { isolatedBy: [{ policy: 'default/p' }] } }],
    })
  })
})

test('what comes nearest to allowing it is said behind a Service as it is between pods', async () => {
  const near = 'nearest is policy default/keyed ingress[0]'
  await ask('monitor', 'keyed')
  expect(out).toContain(near)
  const line = out.split('\n').find((l) => l.includes(near))
  out = ''
  await ask('monitor', 'svc/keyed')
  expect(out.split('\n')).toContain(line)
  out = ''
  await ask('monitor', 'svc/keyed', { json: true })
  expect(JSON.parse(out)).toMatchObject({
    endpoints: [{ nearest: { policy: 'default/keyed', rule: 'ingress[0]', differences: ['monitor: role is monitoring'] } }],
  })
})

describe('refuses', () => {
  test.each([
    ['client', 'svc/wep', {}, 'unknown-service', 'did you mean "svc/web"?'],
    ['svc/web', 'client', {}, 'from-service', 'Name a pod, a host, an external or an address.'],
    ['client', 'svc/head', {}, 'no-address', 'Ask for the pods themselves.'],
    ['client', 'svc/two', {}, 'which-port', 'Ports of two: 1/tcp, 2/udp.'],
    ['client', 'svc/two', { port: '2/tcp' }, 'no-such-port', 'Ports of two: 1/tcp, 2/udp.'],
    ['client', 'svc/web', { port: 'icmp' }, 'no-such-port', 'Ports of web: 80/tcp.'],
    ['10.244.0.2', 'svc/web', { family: '6' }, 'no-common-family', undefined],
    ['out', 'svc/web', {}, 'no-way-in', expect.stringContaining('NodePort')],
    ['198.51.100.7', 'svc/web', {}, 'no-way-in', expect.stringContaining('NodePort')],
    ['switch-lan', 'client', {}, 'no-actor', undefined],
    ['clint', 'web-1', {}, 'unknown-node', 'did you mean "client"?'],
    ['10.244.0.2.3', 'web-1', {}, 'unknown-node', expect.anything()],
  ] satisfies [string, string, Options, string, unknown][])('%s to %s, %o', async (from, to, options, code, hint) => {
    expect(await refused(from, to, options)).toEqual([code, hint])
  })
})

test('the table has a line for hosts, and none where every pod is their own', async () => {
  await policy(join(dir, 'lab.yaml'), { port: ['80/tcp'], json: true })
  const { reachability } = JSON.parse(out) as { reachability: { pairs: { from: string[]; to: string[]; allowed: boolean }[] }[] }
  expect(reachability[0]!.pairs).toContainEqual({ from: ['node-1'], to: ['web-1'], allowed: true })
  out = ''
  writeFileSync(
    join(dir, 'lab.yaml'),
    LAB.replace('hosts: { node-1: {}, node-2: {} }', 'hosts: { node-1: {} }').replaceAll('host: node-2', 'host: node-1'),
  )
  await policy(join(dir, 'lab.yaml'), { port: ['80/tcp'], json: true })
  expect(out).not.toContain('"node-1"')
})

test('what its help shows is about pods and Services that are there', async () => {
  const command = program()
    .commands.find((c) => c.name() === 'policy')!
    .commands.find((c) => c.name() === 'explain')!
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  const shown = [...help.matchAll(/netlab policy explain (\S+) (\S+)(?: --port (\S+))? --lab (\S+)/g)]
  expect(shown.length).toBeGreaterThan(1)
  for (const [, from, to, port, lab] of shown) await explain(from!, to!, { lab: lab!, ...(port === undefined ? {} : { port }) })
  expect(out).toContain('client → svc/web')
})

describe('the firewall at the border', () => {
  const firewall = (allow: string): void =>
    writeFileSync(
      join(dir, 'lab.yaml'),
      LAB.replace('hosts:', `underlay: { routing: bgp, border: { firewall: { allow: [${allow}] } } }\nhosts:`),
    )

  test.each([
    ['node-1', 'icmp', 'out → node-1, icmp, IPv4: denied'],
    ['svc/np', undefined, 'out → node-1 (Service np), 30081/tcp, IPv4: denied'],
  ])('denies what no entry allows: %s', async (to, port, first) => {
    firewall('')
    await ask('out', to, port === undefined ? {} : { port })
    expect(head()).toBe(first)
    expect(out).toMatch(/no {3}border: no entry of the firewall at border \(\S+lab\.yaml:3\) allows it/)
    expect(process.exitCode).toBe(1)
    out = ''
    await ask('out', to, { json: true, ...(port === undefined ? {} : { port }) })
    expect(JSON.parse(out)).toMatchObject({ allowed: false, border: expect.stringContaining('no entry of the firewall') as string })
  })

  test('has no say in what an entry lists, and in what begins inside', async () => {
    firewall('{ from: out, to: node-1, port: icmp }')
    await ask('out', 'node-1')
    await ask('client', 'out')
    expect(out).not.toContain('border')
    expect(process.exitCode).toBeUndefined()
  })
})
