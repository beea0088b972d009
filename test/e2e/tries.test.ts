/**
 * What the examples tell their reader to try does what they say: each command below `# Try:` has an entry here, and what
 * is said of it is looked for in what it prints.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { unbuildable } from '../support/features.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { bin, root } from '../support/root.ts'
import { netlab, netlabOk, run, told, type Run } from '../support/run.ts'

ownMachine()

interface Outcome {
  /** It ends with 0 unless it says so. */
  readonly fails?: true
  /** What it prints, on either stream. */
  readonly shows?: RegExp
  readonly hides?: RegExp
  /** What sends packets while it runs, for what does not end by itself. */
  readonly meanwhile?: readonly string[]
  /** Milliseconds to wait before it. */
  readonly later?: number
}

const ping = (from: string, to: string): string[] => ['exec', from, '--', 'ping', '-c1', '-W1', to]

/** By topology, the commands below `# Try:` in their order; `up` and `down` of the lab left out. */
const TRIES: Readonly<Record<string, readonly Outcome[]>> = {
  bgp: [
    { shows: /established/i },
    { shows: /10\.244\.0\.128\/26 via 192\.168\.50\.13 dev eth0 proto bird/ },
    { shows: /192\.168\.50\.\d+\.(179|\d+ > 192\.168\.50\.\d+\.179)/, meanwhile: ['exec', 'node-1', '--', 'sleep', '2'] },
    {},
    { fails: true, shows: /session/, later: 11_000 },
  ],
  'bgp-reflector': [{ shows: /established/i }, { shows: /via 192\.168\.50\.13/ }, { shows: /delivered/ }],
  etcd: [
    { shows: /subnets\/10\.244\.1\.0-24\n\{"PublicIP":"192\.168\.50\.12"/ },
    { shows: /^ip route replace 10\.244\.0\.0\/24 via 10\.244\.0\.0 dev vxlan1 onlink proto 81$/m },
    { shows: /^10\.244\.2\.0\/24 via 10\.244\.2\.0 dev vxlan1 onlink/m },
    { shows: /OK/ },
    { shows: /^10\.244\.9\.0\/24 via 10\.244\.9\.0 dev vxlan1/m, later: 1000 },
    {},
    { shows: / 0% packet loss/ },
    { fails: true, shows: /etcd on node-1\s+is not running: was ended by signal 9/ },
  ],
  fabric: [
    { shows: /one of 2 equal paths[^]*delivered/ },
    { shows: /nexthop via \S+ dev l1-spine-1[^]*nexthop via \S+ dev l2-spine-2/ },
    { shows: /NAT; firewall, lets in partner to pod-c 8080\/tcp[^]*established/i },
    {},
    { fails: true, shows: /nexthop gone: 100\.64\.128\.\d+ dev l1-spine-1/, later: 1000 },
    { shows: /· spine-2 ·[^]*delivered/ },
    { fails: true, shows: /source 192\.168\.1\.11\S* becomes 100\.64\.0\.3[^]*nobody-listening/ },
    { fails: true, shows: /dropped at border .*\[border-firewall\]/ },
  ],
  calico: [
    { shows: /calico-cross-subnet chose[^]*established/i },
    { shows: /via 192\.168\.1\.12 dev eth0 proto bird[^]*via 192\.168\.2\.11 dev tunl1 proto bird/ },
    { fails: true, shows: /tunl1[^]*default\/web/ },
    { shows: /^default via 169\.254\.1\.1/m },
  ],
  canal: [
    { shows: /canal chose/ },
    { shows: /dev cali5e1c4d6c68c[^]*dev flannel\.1/ },
    { fails: true, shows: /default\/web/ },
    { shows: /flannel\.1[^]*delivered/ },
  ],
  'kube-router': [
    { shows: /via 192\.168\.1\.12 dev eth0 proto bird[^]*dev tun-cbbda4521e5 proto bird/ },
    { shows: /from 10\.244\.0\.0\/24 lookup 77/ },
    { shows: /^192\.168\.2\.11 dev tun-cbbda4521e5/m },
    { shows: /tun-cbbda4521e5[^]*delivered/ },
    {},
    { hides: /tun-cbbda4521e5 +out/ },
  ],
  cloud: [
    { shows: /vpc chose[^]*cbr0/ },
    { shows: /^default via 192\.168\.50\.1 dev eth0[^]*dev cbr0/m },
    { shows: /^10\.244\.1\.0\/24 via 192\.168\.50\.12/m },
  ],
  'host-ports': [
    { shows: /^web 203\.0\.113\.10:\d+$/m },
    { shows: /^web 10\.244\.0\.1:\d+$/m },
    { shows: /^web 10\.244\.0\.1:\d+$/m },
    { shows: /destination 192\.168\.50\.11:80 becomes 10\.244\.0\.2:8080[^]*delivered/ },
    { shows: /-A CNI-HOSTPORT-DNAT .*-j CNI-DN-/ },
    { shows: /route_localnet = 1/ },
    { fails: true },
  ],
  'published-ports': [
    { shows: /^web 203\.0\.113\.10:\d+$/m },
    { shows: /^web 172\.17\.0\.1:\d+$/m },
    { shows: /:DOCKER-ISOLATION-STAGE-2 [^]*-A DOCKER .*--to-destination 172\.17\.0\.2:8080/ },
    { shows: /source 172\.17\.0\.2:\d+ becomes 172\.17\.0\.1:[^]*delivered/ },
  ],
  unenforced: [
    { shows: /Nothing enforces 1 policy/ },
    { shows: /^db 10\.244\.0\.3:\d+$/m },
    { shows: /policy default\/db .* denies this[^]*nothing enforces/ },
    { shows: /skipped/ },
  ],
  direct: [
    {
      shows: /^10\.244\.1\.0\/24 via 192\.168\.50\.12 dev eth0[^]*^10\.244\.2\.0\/24 via 192\.168\.50\.13 dev eth0/m,
      hides: /dev (?!eth0|cni0)/,
    },
    { shows: /02:03:\S+ > 02:03:\S+, .* 10\.244\.0\.2 > 10\.244\.1\.2: ICMP echo request/, meanwhile: ping('pod-a', '10.244.1.2') },
    { fails: true, shows: /From 10\.244\.0\.1 .*Time to live exceeded/ },
    { fails: true, shows: /From 192\.168\.50\.13 .*Time to live exceeded/ },
    { shows: /8980 bytes from 10\.244\.1\.2/ },
  ],
  'dual-stack': [
    { shows: /eth0.* 10\.244\.0\.2\/24 fd00:10:244::2\/64/ },
    { shows: /^pod-b 10\.244\.0\.2:\d+$/m },
    { shows: /^pod-b \[fd00:10:244::2\]:\d+$/m },
    { shows: /192\.168\.50\.11\.\d+ > 192\.168\.50\.12\.8472: VXLAN[^]*IP6 fd00:10:244::2/, meanwhile: ping('pod-a', 'fd00:10:244:1::2') },
  ],
  egress: [
    { shows: /batch-egress/ },
    { fails: true, shows: /100% packet loss/ },
    { shows: /192\.168\.50\.11[^]*delivered/i },
    { shows: /allowed/ },
    { shows: /nomatch/ },
  ],
  'from-manifests': [{ shows: /^shop\/frontend-\d /m }, { shows: /^shop\/\S+ /m }, { fails: true }, { shows: /"10\.96\.1\.1"/ }],
  geneve: [
    { shows: /geneve id 42 remote 192\.168\.50\.12/ },
    { shows: /10\.244\.1\.0\/24 .*dev g2-node-2[^]*10\.244\.2\.0\/24 .*dev g2-node-3/ },
    { shows: /1 received/ },
    {},
    { fails: true },
  ],
  gre: [
    { shows: /remote any/ },
    { shows: /lladdr 192\.168\.50\.12/ },
    { shows: /1 received/ },
    {},
    { fails: true, shows: /Time to live exceeded/ },
  ],
  ipip: [
    { shows: /mtu 1480[^]*remote any/ },
    { shows: /blackhole/ },
    { shows: /192\.168\.50\.11 > 192\.168\.50\.12:.*10\.244\.0\.\d+ > 10\.244\.0\.\d+: ICMP/s, meanwhile: ping('pod-a', '10.244.0.66') },
    { shows: /169\.254\.1\.1 .*lladdr ee:ee:ee:ee:ee:ee/ },
  ],
  'ipv6-only': [
    { hides: /inet / },
    { shows: /1 received/ },
    { shows: /fd00:192:168:50::b > 2001:db8:ffff::a: ICMP6, echo request/, meanwhile: ping('pod-a', '2001:db8:ffff::a') },
  ],
  mtu: [
    { shows: /1 received/ },
    { shows: /1 received/ },
    { fails: true, shows: /100% packet loss/, hides: /From / },
    { fails: true, shows: /message too long/ },
    {
      shows: /192\.168\.50\.11\.\d+ > 192\.168\.50\.12\.8472/,
      meanwhile: ['exec', 'big', '--', 'ping', '-c1', '-W1', '-M', 'do', '-s', '1400', '10.244.1.2'],
    },
    { shows: /192\.168\.50\.11\.\d+ > 192\.168\.50\.12\.8472/, meanwhile: ping('big', '10.244.1.2') },
    { shows: /^small / },
  ],
  namespaces: [{ shows: /red\/metrics/ }, { fails: true, shows: /denied/ }, { fails: true }],
  'pod-routes': [
    { shows: /lookup 100/ },
    { shows: /10\.244\.0\.0\/24 via 192\.168\.50\.11[^]*10\.244\.1\.0\/24 via 192\.168\.50\.12/ },
    { shows: /^web 203\.0\.113\.10:/ },
    { fails: true },
    { shows: /192\.168\.50\.12 > 203\.0\.113\.11: ICMP echo request/, meanwhile: ping('web', '203.0.113.11') },
    { shows: /10\.244\.1\.2 > 203\.0\.113\.10: ICMP echo request/, meanwhile: ping('web', '203.0.113.10') },
  ],
  quickstart: [
    { shows: /1 received/ },
    { shows: /8472: VXLAN[^]*10\.244\.0\.2 > 10\.244\.1\.2: ICMP echo request/, meanwhile: ping('pod-a', '10.244.1.2') },
    { shows: /delivered/ },
  ],
  routed: [
    { shows: /default via 169\.254\.1\.1/ },
    { shows: /ttl=63/ },
    { shows: /169\.254\.1\.1 .*ee:ee:ee:ee:ee:ee/ },
    { shows: /blackhole 10\.244\.0\.0\/24[^]*10\.244\.0\.2 dev p1-pod-a/ },
    { fails: true, shows: /100% packet loss/ },
  ],
  services: [
    { shows: /^web-\d 10\.244\.\d\.\d+:/ },
    { shows: /delivered/ },
    { shows: /^web-\d 10\.244\.2\.0:/ },
    { shows: /^\S+ 203\.0\.113\.10:/ },
    { fails: true },
    { fails: true },
    { shows: /^web-\d / },
    { shows: /KUBE-SERVICES/ },
  ],
  sidecar: [{ shows: /^shop\/cart 127\.0\.0\.1:/m }, { shows: /^shop\/cart 10\.244\.1\.2:/ }, { shows: /:8080/ }, { fails: true }],
  'single-host': [
    { shows: /docker0[^]*veth[0-9a-f]{7}@/ },
    { shows: /^web 172\.17\.0\.3:/ },
    { shows: /192\.168\.50\.11 > 203\.0\.113\.10: ICMP echo request/, meanwhile: ping('client', '203.0.113.10') },
    { shows: /MASQUERADE/ },
    {},
    { fails: true },
  ],
  'three-tier': [
    { shows: /shop\/default-deny/ },
    { fails: true, shows: /shop\/db/ },
    { fails: true, shows: /dropped at node-2/ },
    { shows: /^shop\/api 10\.244\.0\.\d+:/ },
    { shows: /policy shop\/db/ },
  ],
  'two-racks': [
    {},
    { shows: /10\.244\.1\.0\/24 .*dev (eth0|vxlan1)/ },
    { shows: /VXLAN/, meanwhile: ping('pod-a', '10.244.2.2') },
    { shows: /VXLAN/, meanwhile: ping('pod-a', '10.244.2.2') },
  ],
  udp: [
    { shows: /daemon: forwarder on node-1 reads it from tun1[^]*ttl 60[^]*delivered/ },
    { shows: /^10\.244\.0\.0\/16 dev tun1/m, hides: /^10\.244\.[12]\.0/m },
    { shows: /^10\.244\.1\.0\/24 192\.168\.50\.12$/m },
    { shows: /192\.168\.50\.11:8285/ },
    { shows: /IP 10\.244\.0\.2 > 10\.244\.1\.2: ICMP echo request/, meanwhile: ping('pod-a', '10.244.1.2') },
    {},
    { fails: true, shows: /dropped at node-2 eth0 .*\[forwarder-down\]/ },
  ],
  wireguard: [
    { shows: /encrypts it for the peer that has 10\.244\.1\.0\/24[^]*inside inferred[^]*delivered/ },
    { shows: /^10\.244\.0\.0\/16 dev flannel-wg/m, hides: /^10\.244\.[12]\.0/m },
    { shows: /as planned/ },
    { shows: /192\.168\.50\.11\.51820 > 192\.168\.50\.12\.51820: UDP, length \d+/, hides: /ICMP/, meanwhile: ping('pod-a', '10.244.1.2') },
    { shows: /IP 10\.244\.0\.2 > 10\.244\.1\.2: ICMP echo request/, meanwhile: ping('pod-a', '10.244.1.2') },
  ],
  vpc: [
    { shows: /^default via 192\.168\.1\.1 dev eth0[^]*^10\.244\.0\.0\/24 dev cni0/m, hides: /10\.244\.[12]\.0/ },
    { shows: /^10\.244\.1\.0\/24 via 192\.168\.1\.12 dev s1-zone-a[^]*^10\.244\.2\.0\/24 via 192\.168\.2\.11 dev s2-zone-b/m },
    { fails: true, shows: /From 192\.168\.1\.1 .*Time to live exceeded/ },
    { shows: /^ {2}node-1 host[^]*^ {2}router router[^]*^ {2}node-2 host[^]*delivered/m },
    {},
    { fails: true, shows: /dropped at router .*\[no-route\]/ },
    {},
    { fails: true, shows: /dropped at router .*\[source-dest-check\]/ },
  ],
  vxlan: [
    { shows: /10\.244\.2\.0\/24 via 10\.244\.2\.0/ },
    { shows: /10\.244\.2\.0 lladdr 02:06:00:02:00:00 PERMANENT/ },
    { shows: /02:06:00:02:00:00 dst 192\.168\.50\.13/ },
    {},
    { fails: true, shows: /100% packet loss/ },
    { fails: true, shows: /dropped at node-1/ },
    { fails: true, shows: /missing/ },
  ],
  nvgre: [
    { shows: /ttl=64/ },
    { shows: /02:01:00:01:00:01 dev g2-node-2 master cni0/ },
    { shows: /isolated on/ },
    {},
    { fails: true, shows: /g2-node-2 .*\[not-on-bridge\]/ },
  ],
  weave: [
    { shows: /ttl=64/ },
    { shows: /^10\.33\.0\.2 dev eth0 lladdr 02:01:00:01:00:01/m },
    { shows: /02:01:00:01:00:01 dst 192\.168\.50\.12 self[^]*00:00:00:00:00:00 dst 192\.168\.50\.13 self permanent/ },
    {},
    {},
    { fails: true, shows: /dropped at node-1 vxlan-6784 .*\[fdb-missing\]/ },
  ],
}

/** A command of a topology's head comment: up to two blanks, after which it is explained. */
function tries(topology: string): string[] {
  const lines = readFileSync(join(root, 'topologies', `${topology}.yaml`), 'utf8').split('\n')
  return lines.flatMap((line) => /^#\s+(netlab (?!up |down ).*?)(?: {2,}.*)?$/.exec(line)?.[1] ?? [])
}

/** Runs a line as a shell with netlab in its PATH does. */
const typed = (line: string): string[] => ['sh', '-c', `netlab() { ${process.execPath} ${bin} "$@"; }; ${line}`]

/** Runs it while packets are sent, and ends it as Ctrl-C does. */
async function watched(line: string, meanwhile: readonly string[]): Promise<Run> {
  const [command = '', ...args] = typed(line)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  try {
    while (child.exitCode === null && !stderr.includes('listening on')) await sleep(50)
    // Into a pipe tcpdump writes when it ends.
    for (let i = 0; i < 2; i++) await netlab(meanwhile)
    // It takes packets from the kernel by the second.
    await Promise.race([ended, sleep(1300)])
  } finally {
    try {
      process.kill(-child.pid!, 'SIGINT')
    } catch {
      // It has ended by itself.
    }
  }
  return { ...(await ended), stdout, stderr }
}

test('every command to try has its entry', () => {
  const topologies = readdirSync(join(root, 'topologies')).flatMap((name) => /^(.*)\.yaml$/.exec(name)?.[1] ?? [])
  const counts = (of: (topology: string) => number) => topologies.filter((t) => t !== 'scale').map((t) => [t, of(t)])
  assert.deepEqual(
    counts((t) => tries(t).length),
    counts((t) => TRIES[t]?.length ?? 0),
  )
})

for (const [topology, outcomes] of Object.entries(TRIES)) {
  describe(topology, { skip: unable || unbuildable(topology) }, () => {
    before(() => netlabOk(['up', join(root, 'topologies', `${topology}.yaml`)]))
    after(() => netlabOk(['down', topology]))
    for (const [i, line] of tries(topology).entries())
      test(line, async () => {
        const { fails, shows, hides, meanwhile, later } = outcomes[i]!
        if (later !== undefined) await sleep(later)
        const result = meanwhile ? await watched(line, meanwhile) : await run(typed(line))
        const said = result.stdout + result.stderr
        if (!meanwhile) assert.equal(result.code !== 0, fails === true, told(result))
        if (shows) assert.match(said, shows)
        if (hides) assert.doesNotMatch(said, hides)
      })
  })
}
