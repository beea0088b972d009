/** `netlab status`: what the kernel holds against what was asked for. */
import { Enter } from '../kernel/enter.ts'
import { describe, type KernelObject } from '../kernel/objects.ts'
import { drift, observe } from '../kernel/observe.ts'
import { processStates, type ProcessState } from '../process/states.ts'
import { chalkFor, Progress, writeJson, writeOut } from '../report/terminal.ts'
import { table } from '../report/table.ts'
import { processDir } from '../state/store.ts'
import { Exit } from './failure.ts'
import { theLab } from './labs.ts'
import { requireRoot } from './machine.ts'

interface Finding {
  readonly state: 'missing' | 'changed' | 'unexpected' | 'exited'
  readonly object: string
  readonly detail: string
  /** `file:line` of what asked for it. */
  readonly source?: string
}

/** Devices and routes nobody asked for, in namespaces that are ours: somebody added them by hand. */
const isNotable = (o: KernelObject): boolean => o.kind === 'link' || o.kind === 'route' || o.kind === 'address' || o.kind === 'fdb' || o.kind === 'neighbour' || o.kind === 'rule' || o.kind === 'chain'

/** Devices that tunnel modules put into every namespace by themselves. */
const AUTOMATIC = /^(tunl0|gre0|gretap0|erspan0|sit0|ip6tnl0|ip6gre0|ip_vti0|ip6_vti0)$/

function ending(p: ProcessState): string {
  if (p.exitCode !== undefined) return `exited with code ${p.exitCode}`
  return p.signal === undefined ? 'is gone, nobody saw how' : `was ended by signal ${p.signal}`
}

export async function status(name: string | undefined, options: { readonly json?: true }): Promise<void> {
  const { lab, objects } = theLab(name)
  requireRoot('status')
  const enter = new Enter()
  const progress = new Progress()
  let findings: Finding[]
  const states = new Map(processStates(processDir(lab.name)).map((p) => [p.id, p]))
  try {
    progress.phase(`reading ${lab.name}`)
    const observed = await observe(objects, enter, { hasProcess: (id) => states.has(id), onProgress: (s) => progress.share(s) })
    const found = drift(objects, observed)
    const source = (o: KernelObject): { source?: string } => (o.from ? { source: `${lab.file}:${o.from.line}` } : {})
    const show = (o: object, field: string): string => JSON.stringify(field.split('.').reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], o) ?? null)
    findings = [
      ...found.missing.map((o): Finding => ({ state: 'missing', object: describe(o), detail: o.kind === 'process' ? 'was never started' : 'not in the kernel', ...source(o) })),
      ...found.changed.map(({ object, observed: now, fields }): Finding => ({
        state: 'changed',
        object: describe(object),
        detail: fields.map((f) => (f.endsWith('down') ? 'the device is down' : `${f} is ${show(now, f)}, asked for ${show(object, f)}`)).join('; '),
        ...source(object),
      })),
      ...found.unexpected.filter((o) => isNotable(o) && !(o.kind === 'link' && (o.type === 'loopback' || AUTOMATIC.test(o.name)))).map((o): Finding => ({ state: 'unexpected', object: describe(o), detail: 'nobody asked for it' })),
      ...objects.flatMap((o): Finding[] => {
        const p = o.kind === 'process' ? states.get(o.id) : undefined
        return p?.state === 'exited' ? [{ state: 'exited', object: describe(o), detail: ending(p), ...source(o) }] : []
      }),
    ]
  } finally {
    progress.end()
    enter.close()
  }
  // A container that ended well did what it was there for.
  const isBroken = (f: Finding): boolean => f.state !== 'exited' || !f.detail.endsWith('code 0')
  const broken = findings.some(isBroken)
  process.exitCode = broken ? Exit.Broken : Exit.Done
  const containers = [...states.values()].map(({ id, pid, state, exitCode, signal }) => ({ id, pid, state, ...(exitCode === undefined ? {} : { exitCode }), ...(signal === undefined ? {} : { signal }) }))
  if (options.json) return writeJson({ lab: lab.name, healthy: !broken, checked: objects.length, findings, containers })
  const chalk = chalkFor(process.stdout)
  const running = containers.filter((c) => c.state === 'running').length
  const head = `${objects.length} kernel objects read back${containers.length > 0 ? `, ${running} of ${containers.length} containers running` : ''}`
  if (findings.length === 0) return writeOut([`${chalk.green('as planned')}  ${lab.name}: ${head}\n`])
  const color = { missing: chalk.red, changed: chalk.yellow, unexpected: chalk.magenta, exited: chalk.dim }
  return writeOut([
    `${broken ? chalk.red('drifted') : chalk.green('as planned')}  ${lab.name}: ${head}\n\n`,
    table(['state', 'object', 'detail', 'asked for by'], findings.map((f) => [color[f.state](f.state), f.object, f.detail, f.source ?? '']), chalk.dim),
    broken ? `\nnetlab up ${lab.file} puts it right.\n` : '',
  ])
}
