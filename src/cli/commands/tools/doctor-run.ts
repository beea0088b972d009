/** `netlab doctor`: what this machine can run, and how to get the rest. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { machine, release } from 'node:os'
import type { AttachModule } from '../../../attach/attach.ts'
import { attachModules } from '../../../attach/index.ts'
import type { BackendModule } from '../../../backends/backend.ts'
import { backends } from '../../../backends/index.ts'
import { compile } from '../../../compile/compile.ts'
import { featureOf, FEATURES } from '../../../kernel/features/feature.ts'
import { TOOL_PACKAGES } from '../../../kernel/features/packages.ts'
import { BASE_TOOLS, findTool, probe } from '../../../kernel/features/probe.ts'
import { resolve } from '../../../lab/resolve.ts'
import {
  doctorText,
  installLine,
  moduleFinding,
  neighbourLimit,
  type FeatureFinding,
  type Findings,
  type Limit,
  type ModuleFinding,
  type ModuleNeeds,
  type System,
  type Tool,
  type VirtualMachine,
} from '../../../report/lab/doctor.ts'
import { chalkFor, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { loadTopology } from '../../../topology/load.ts'
import { modules } from '../../topology-file.ts'
import { Exit } from '../../failure.ts'
import { completePath } from '../../machine.ts'
import { toolVersion } from './tool-version.ts'
import { isRoot } from '../../../netns/paths.ts'
import { optionTypes } from '../../../topology/schema/schema.ts'

/** Programs netlab itself never calls, and what people want them for. */
const HANDY: Readonly<Record<string, string>> = {
  ping: 'trying connections',
  tcpdump: 'watching packets',
  modprobe: 'loading kernel modules',
}

const PACKAGES: Readonly<Record<string, string>> = { ...TOOL_PACKAGES, modprobe: 'kmod' }

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

/**
 * What a lab of two hosts needs with this `network:`, asked of the compiler, so that it is what `up` asks for.
 * Undefined for a module that cannot be had without options.
 */
export function needsOf(network: Readonly<Record<string, string>>): Pick<ModuleNeeds, 'features' | 'tools'> | undefined {
  const text = JSON.stringify({ name: 'doctor', network, hosts: { a: {}, b: {} }, pods: { p: {} } })
  const loaded = loadTopology(text, 'doctor.yaml', modules)
  const lab = loaded.value && resolve(loaded.value).value
  if (!lab) return undefined
  const features = compile(lab).needs
  return { features, tools: [...new Set([...BASE_TOOLS, ...features.flatMap((f) => featureOf(f).tools ?? [])])] }
}

function findTools(): Promise<Tool[]> {
  const uses = new Map<string, string>(BASE_TOOLS.map((t) => [t, 'every lab']))
  for (const { name, tools = [] } of FEATURES) for (const t of tools) if (!uses.has(t)) uses.set(t, name)
  const required = new Set(uses.keys())
  for (const [t, use] of Object.entries(HANDY)) if (!uses.has(t)) uses.set(t, use)
  const find = async (name: string, use: string): Promise<Tool> => {
    const path = findTool(name) ?? null
    return {
      name,
      path,
      version: (path === null ? undefined : await toolVersion(name, path)) ?? null,
      package: PACKAGES[name] ?? name,
      required: required.has(name),
      for: use,
    }
  }
  return Promise.all([...uses].map(([name, use]) => find(name, use)))
}

function findFeatures(root: boolean): FeatureFinding[] {
  const results = new Map(root ? probe(FEATURES.map((f) => f.name)).map((p) => [p.feature, p]) : [])
  return FEATURES.map(({ name, needs, purpose }) => {
    const { works, untried, reason = null } = results.get(name) ?? { works: false, untried: true }
    return { feature: name, works: untried ? null : works, reason, needs, for: purpose }
  })
}

function findSystem(root: boolean): System {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  const distribution = /^PRETTY_NAME="?(.*?)"?$/m.exec(read('/etc/os-release') ?? '')?.[1] ?? 'unknown'
  return {
    kernel: release(),
    machine: machine(),
    distribution,
    modules: !existsSync('/proc/modules') ? 'built in' : existsSync(`/lib/modules/${release()}`) ? 'loadable' : 'missing',
    node: process.versions.node,
    nodeWorks: major > 20 || (major === 20 && minor >= 19),
    root,
  }
}

function findLimits(): Limit[] {
  const limit = (name: string, setting: string, allows: (value: number) => string): Limit[] => {
    const value = Number(read(`/proc/sys/${setting.replaceAll('.', '/')}`) ?? NaN)
    return Number.isFinite(value) ? [{ name, setting, value, allows: allows(value) }] : []
  }
  const files = Number(/^Max open files\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1] ?? NaN)
  return [
    ...limit('neighbours IPv4', 'net.ipv4.neigh.default.gc_thresh3', neighbourLimit),
    ...limit('neighbours IPv6', 'net.ipv6.neigh.default.gc_thresh3', neighbourLimit),
    ...limit('namespaces', 'user.max_net_namespaces', () => 'one a host, pod, switch, router and external'),
    ...limit('processes', 'kernel.pid_max', () => 'every container is one or more'),
    ...(Number.isFinite(files)
      ? [
          {
            name: 'open files',
            setting: 'ulimit -n',
            value: files,
            allows: 'in one process; `netlab test` takes up to a dozen a node, all else a few dozen',
          },
        ]
      : []),
  ]
}

/** /dev/kvm alone proves nothing: a guest of another hypervisor can have it too. */
function findVm(): VirtualMachine {
  const qemu = findTool('qemu-system-x86_64') ?? null
  let writable = true
  try {
    accessSync('/dev/kvm', constants.W_OK)
  } catch {
    writable = false
  }
  const capable = /^flags\s*:.*\b(vmx|svm)\b/m.test(read('/proc/cpuinfo') ?? '')
  const reason = !capable
    ? 'the processor offers no virtualisation here'
    : writable
      ? '/dev/kvm can be used'
      : 'no permission to use /dev/kvm'
  return { qemu, kvm: capable && writable, reason }
}

/** What Debian, Ubuntu and the kernel itself can have against namespaces of ordinary users. */
function findRootless(): Findings['rootless'] {
  const forbidden = [
    ['kernel.apparmor_restrict_unprivileged_userns', '1'],
    ['kernel.unprivileged_userns_clone', '0'],
    ['user.max_user_namespaces', '0'],
  ].find(([setting, value]) => read(`/proc/sys/${setting!.replaceAll('.', '/')}`) === value)
  if (forbidden)
    return { allowed: false, reason: `${forbidden.join('=')} keeps ordinary users from making namespaces; netlab runs as root` }
  return { allowed: true, reason: 'ordinary users may make namespaces here, but netlab needs root so far' }
}

const loadedModules = (): string[] => (read('/proc/modules') ?? '').split('\n').map((line) => line.split(' ')[0]!)

/** The module that needs least: a lab with it shows what the other one needs. */
function undemanding(modules: Readonly<Record<string, BackendModule | AttachModule>>): string {
  const needs = (m: BackendModule | AttachModule): number => m.create(m.options(optionTypes).parse({})).needs.length
  return Object.entries(modules).toSorted(([, a], [, b]) => needs(a) - needs(b))[0]![0]
}

/** Looks at everything. */
async function examine(): Promise<Findings> {
  const root = isRoot()
  const before = new Set(loadedModules())
  const found = { tools: await findTools(), features: findFeatures(root) }
  // They stay: unloading a module deletes the devices that were made with it by now.
  const loaded = loadedModules().filter((m) => !before.has(m))
  const finding = (name: string, summary: string, network: Readonly<Record<string, string>>): ModuleFinding => {
    const needs = needsOf(network)
    return needs ? moduleFinding({ name, summary, ...needs }, found) : { name, summary, works: null, missing: [] }
  }
  return {
    system: findSystem(root),
    ...found,
    loaded,
    backends: Object.entries(backends).map(([name, m]) => finding(name, m.summary, { backend: name, attach: undemanding(attachModules) })),
    attach: Object.entries(attachModules).map(([name, m]) => finding(name, m.summary, { backend: undemanding(backends), attach: name })),
    defaultLab: finding('default', 'a lab that says nothing about its network', {}),
    limits: findLimits(),
    vm: findVm(),
    rootless: findRootless(),
    install: installLine(found.tools, root),
  }
}

export async function doctor(options: { readonly json?: true }): Promise<void> {
  completePath()
  const found = await examine()
  process.exitCode = found.defaultLab.works === false || !found.system.nodeWorks ? Exit.Machine : Exit.Done
  return options.json ? writeJson(found) : writeOut([doctorText(found, chalkFor(process.stdout))])
}
