/** What `netlab doctor` found, evaluated and written down. Pure: looking at the machine is the command's part. */
import { learnedNeighbours } from '../../lab/lab.ts'
import type { ChalkInstance } from 'chalk'
import type { Feature } from '../../kernel/features/feature.ts'
import { aptLine } from '../../kernel/features/packages.ts'

export interface Tool {
  readonly name: string
  readonly path: string | null
  readonly version: string | null
  /** Debian's and Ubuntu's package that has it. */
  readonly package: string
  /** False: only for what people do by hand. */
  readonly required: boolean
  /** What it is for. */
  readonly for: string
}

export interface FeatureFinding {
  readonly feature: Feature
  /** Null: not tried, for lack of root or of a program. */
  readonly works: boolean | null
  /** The kernel's words when it does not work, or why it was not tried. */
  readonly reason: string | null
  readonly needs: string
  /** What it is for. */
  readonly for: string
}

/** A backend or attach module, and what a lab that uses it needs, the lab's own namespaces and switches included. */
export interface ModuleNeeds {
  readonly name: string
  readonly summary: string
  readonly features: readonly Feature[]
  readonly tools: readonly string[]
}

/** Null: everything known is there, but kernel features were not tried. */
export interface ModuleFinding {
  readonly name: string
  readonly summary: string
  readonly works: boolean | null
  readonly missing: readonly string[]
}

/** A setting of the machine that bounds all labs together. */
export interface Limit {
  readonly name: string
  /** Where it is set: a sysctl, or ulimit. */
  readonly setting: string
  readonly value: number
  readonly allows: string
}

export interface System {
  readonly kernel: string
  readonly machine: string
  readonly distribution: string
  readonly modules: 'loadable' | 'built in' | 'missing'
  readonly node: string
  readonly nodeWorks: boolean
  readonly root: boolean
}

export interface VirtualMachine {
  readonly qemu: string | null
  /** False where there is no KVM and QEMU emulates the processor, which is slow. */
  readonly kvm: boolean
  readonly reason: string
}

export interface Findings {
  readonly system: System
  readonly tools: readonly Tool[]
  readonly features: readonly FeatureFinding[]
  /** Modules the kernel loaded when features were tried, newest first. */
  readonly loaded: readonly string[]
  readonly backends: readonly ModuleFinding[]
  readonly attach: readonly ModuleFinding[]
  /** Whether a lab that says nothing about its network can run: vxlan over bridge. */
  readonly defaultLab: ModuleFinding
  readonly limits: readonly Limit[]
  readonly vm: VirtualMachine
  /** Whether ordinary users may make namespaces, and what forbids it. */
  readonly rootless: { readonly allowed: boolean; readonly reason: string }
  /** The command that installs what is missing; null when nothing is. */
  readonly install: string | null
}

/** Whether what a module needs was found. */
export function moduleFinding({ name, summary, features, tools }: ModuleNeeds, found: Pick<Findings, 'tools' | 'features'>): ModuleFinding {
  const untold = features.filter((f) => found.features.find((x) => x.feature === f)?.works === null)
  const missing = [
    ...tools.filter((t) => found.tools.find((x) => x.name === t)?.path === null),
    ...features.filter((f) => found.features.find((x) => x.feature === f)?.works === false),
  ]
  return { name, summary, works: missing.length > 0 ? false : untold.length > 0 ? null : true, missing }
}

/** The line that installs every missing program, by Debian's and Ubuntu's package names. */
export function installLine(tools: readonly Tool[], root: boolean): string | null {
  const packages = [...new Set(tools.filter((t) => t.path === null).map((t) => t.package))]
  return packages.length === 0 ? null : `${root ? '' : 'sudo '}${aptLine(packages)}`
}

/** Pods on a host, in the example a limit is explained with. */
const EXAMPLE_PODS = 10

/** The most hosts with ten pods each whose traffic, all to all, fits into a neighbour table. */
export function neighbourLimit(entries: number): string {
  let hosts = 1
  while (learnedNeighbours(hosts + 1, (hosts + 1) * EXAMPLE_PODS) <= entries) hosts++
  return `about ${hosts} hosts with ${EXAMPLE_PODS} pods each, all talking to all, in all labs together`
}

const MARK = { yes: '✓', no: '✗', unknown: '?', optional: '-' } as const

export function doctorText(found: Findings, chalk: ChalkInstance): string {
  const mark = (works: boolean | null): string =>
    works === null ? chalk.yellow(MARK.unknown) : works ? chalk.green(MARK.yes) : chalk.red(MARK.no)
  const widest = (names: readonly string[]): number => Math.max(...names.map((n) => n.length))
  const lines: string[] = []
  const section = (title: string): number => lines.push(...(lines.length > 0 ? [''] : []), chalk.bold(title))
  const row = (sign: string, name: string, width: number, text: string): number =>
    lines.push(`  ${sign} ${name.padEnd(width)}  ${text}`.trimEnd())

  const { system, vm, rootless } = found
  section('System')
  const modules = {
    loadable: '',
    'built in': ', features are built in, not modules',
    missing: `, but its modules are not installed in /lib/modules${chalk.yellow(': after a kernel update, reboot')}`,
  }[system.modules]
  row(system.modules === 'missing' ? mark(null) : mark(true), 'kernel', 12, `${system.kernel} ${system.machine}${modules}`)
  row(' ', 'distribution', 12, system.distribution)
  row(mark(system.nodeWorks), 'node', 12, `${system.node}${system.nodeWorks ? '' : ', but netlab needs 20.19 or newer'}`)
  row(
    system.root ? mark(true) : mark(null),
    'user',
    12,
    system.root ? 'root' : 'not root: labs need it; run with sudo to try kernel features',
  )

  section('Programs')
  const toolWidth = widest(found.tools.map((t) => t.name))
  for (const t of found.tools) {
    const sign = t.path !== null ? mark(true) : t.required ? mark(false) : chalk.dim(MARK.optional)
    row(
      sign,
      t.name,
      toolWidth,
      t.path === null
        ? `missing, package ${t.package} ${chalk.dim(`(${t.for}${t.required ? '' : ', optional'})`)}`
        : `${t.path} ${t.version ?? ''}`,
    )
  }

  section(system.root ? 'Kernel features, each tried in a namespace of its own' : 'Kernel features: not tried, run with sudo to try them')
  const featureWidth = widest(found.features.map((f) => f.feature))
  for (const f of found.features) {
    row(
      mark(f.works),
      f.feature,
      featureWidth,
      f.works ? chalk.dim(f.for) : f.reason === null ? chalk.dim(`needs ${f.needs}`) : `${f.reason} ${chalk.dim(`(needs ${f.needs})`)}`,
    )
  }
  if (found.loaded.length > 0) lines.push(chalk.dim(`  The kernel loaded modules for this and keeps them: ${found.loaded.join(', ')}`))

  for (const [title, list] of [
    ['Backends: how packets get from host to host', found.backends],
    ['Attach: how pods are connected to their host', found.attach],
  ] as const) {
    section(title)
    const width = widest(list.map((m) => m.name))
    for (const m of list)
      row(
        mark(m.works),
        m.name,
        width,
        m.works === false ? `lacks ${m.missing.join(', ')} ${chalk.dim(`(${m.summary})`)}` : chalk.dim(m.summary),
      )
  }

  section('Limits of this machine')
  const limitWidth = widest(found.limits.map((l) => l.name))
  for (const l of found.limits) row(' ', l.name, limitWidth, `${l.value} ${chalk.dim(`(${l.setting})`)}: ${l.allows}`)

  section('Where this kernel lacks something')
  row(
    vm.qemu === null ? chalk.dim(MARK.optional) : mark(true),
    'virtual machine',
    15,
    vm.qemu === null
      ? 'no QEMU: scripts/setup.sh vm installs what it takes'
      : `${vm.kvm ? 'QEMU with KVM' : 'QEMU, emulating the processor (slow)'}: ${vm.reason}`,
  )
  row(' ', '', 15, 'scripts/vm-run.sh netlab up lab.yaml runs a lab on a full kernel and changes nothing here')
  row(rootless.allowed ? ' ' : chalk.dim(MARK.optional), 'without root', 15, rootless.reason)
  return `${lines.join('\n')}\n\n${verdict(found, chalk)}\n`
}

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** The last line: what runs here, and how to get the rest. */
function verdict(found: Findings, chalk: ChalkInstance): string {
  const names = (works: boolean | null, modules: readonly ModuleFinding[]): string[] =>
    modules.filter((m) => m.works === works).map((m) => m.name)
  const get = found.install === null ? '' : ` To install what is missing: ${found.install}`
  const works = names(true, found.backends)
  const unknown = names(null, found.backends)
  if (!found.system.nodeWorks) return `${chalk.red('netlab needs Node.js 20.19 or newer.')}${get}`
  if (!found.system.root && unknown.length > 0) return `${chalk.yellow('Perhaps')} backends ${list(unknown)}: run with sudo to know.${get}`
  if (works.length === 0) return `${chalk.red('No lab can run here')}, for lack of ${list(found.defaultLab.missing)}.${get}`
  const lacking = names(false, found.backends)
  const attach = names(true, found.attach)
  const not = lacking.length > 0 ? `; not ${list(lacking)}` : ''
  return `${chalk.green('Runs here')}: backends ${list(works)}, pods attached by ${attach.length > 0 ? list(attach) : 'nothing'}${not}.${get}`
}
