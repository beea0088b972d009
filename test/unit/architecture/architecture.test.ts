/**
 * The folder tree is the pipeline: imports point one way, and what touches the machine is named here. A new
 * folder or a new use of files and processes needs a line in these tables, and a reason.
 */
import { describe, expect, test } from 'vitest'
import { policyModules } from '../../../src/policy/index.ts'
import { serviceModules } from '../../../src/services/index.ts'
import { cycles, importsOf, sources, textsBelow, type Source } from './sources.ts'

/**
 * The stages from the ground up. A stage may import from every stage below it, not from its own floor's neighbours.
 * Kernel objects are the language in which modules answer, so their types may be named from the modules' floor.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['packet', 'netns', 'topology'],
  ['lab'],
  ['attach', 'backends', 'services', 'policy', 'presets'],
  ['compile'],
  ['kernel'],
  ['process'],
  ['state'],
  ['capture'],
  ['trace'],
  ['verify', 'bench'],
  ['report'],
  ['cli'],
]
const KERNEL_TYPES = ['type:kernel']

const below = (stage: string): string[] => {
  const floor = FLOORS.findIndex((stages) => stages.includes(stage))
  const kernel = FLOORS.findIndex((stages) => stages.includes('kernel'))
  return [
    ...FLOORS.slice(0, Math.max(floor, 0)).flat(),
    'version.ts',
    'plural.ts',
    'clock.ts',
    ...(floor > 0 && floor < kernel ? KERNEL_TYPES : []),
  ]
}

/** Single files that may do more, and why. */
const EXCEPT: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['cli/program.ts', 'output.ts'],
}

const isOurs = (target: string): boolean => target.endsWith('.ts')
const allowed = (rules: readonly string[], target: string, types: boolean): boolean =>
  rules.some((rule) => {
    const [what, typesOnly] = rule.startsWith('type:') ? [rule.slice(5), true] : [rule, false]
    return (target === what || target.startsWith(`${what}/`)) && (types || !typesOnly)
  })

describe('imports point one way', () => {
  test.each(sources.map((s): [string, Source] => [s.path, s]))('%s', (path, { stage, imports }) => {
    const rules = [...(stage === '' ? ['version.ts'] : [stage]), ...below(stage), ...(EXCEPT[path] ?? [])]
    const wrong = imports.filter((i) => isOurs(i.target) && !allowed(rules, i.target, i.types)).map((i) => i.target)
    expect(wrong).toEqual([])
  })

  test('every folder has its place in the pipeline', () => {
    const known = new Set(FLOORS.flat())
    expect([...new Set(sources.map((s) => s.stage))].filter((s) => s !== '' && !known.has(s))).toEqual([])
  })

  test('the registry alone names commands, and a command alone loads its action: start-up costs what the command needs', () => {
    const known = new Map(sources.map((s) => [s.path, s]))
    const loaded = new Set<string>()
    const load = (path: string): void => {
      if (loaded.has(path)) return
      loaded.add(path)
      for (const i of known.get(path)?.imports ?? []) if (isOurs(i.target) && !i.types && !i.lazy) load(i.target)
    }
    load('cli/program.ts')
    const definitions = [...loaded].filter((path) => path.startsWith('cli/commands/'))
    expect([...loaded].filter((path) => !definitions.includes(path))).toEqual([
      'cli/program.ts',
      // Small, and without imports of its own: what a command line holds acts on no terminal.
      'report/formats/visible.ts',
      'version.ts',
      'cli/command.ts',
      'cli/registry.ts',
      'cli/options.ts',
    ])
    expect(definitions.filter((path) => !known.get(path)!.imports.some((i) => i.lazy))).toEqual([])
    const users = sources.filter((s) => !definitions.includes(s.path) && s.imports.some((i) => definitions.includes(i.target)))
    expect(users.map((s) => s.path)).toEqual(['cli/registry.ts'])
    const isCommand = (path: string): boolean => path.startsWith('cli/commands/')
    const around = sources.filter((s) => !isCommand(s.path) && s.imports.some((i) => isCommand(i.target)))
    expect(around.map((s) => s.path)).toEqual(['cli/registry.ts'])
  })

  test('there are no circles of files, type imports and lazy ones counted', () => {
    const graph = new Map(sources.map((s) => [s.path, s.imports.filter((i) => isOurs(i.target)).map((i) => i.target)]))
    expect(cycles(graph)).toEqual([])
  })

  test('every import leads to a file', () => {
    const known = new Set(sources.map((s) => s.path))
    expect(
      sources.flatMap((s) => s.imports.filter((i) => isOurs(i.target) && !known.has(i.target)).map((i) => `${s.path}: ${i.target}`)),
    ).toEqual([])
  })
})

/** Who may touch the machine, and what for. Everything else is pure and tested without it. */
const TOUCHES: readonly [module: string, files: readonly (readonly [path: string, why: string])[]][] = [
  [
    'node:child_process',
    [
      ['netns/helper-process.ts', 'helpers that netlab talks with'],
      ['netns/lines/run.ts', 'lines that only their program knows'],
      ['kernel/features/probe.ts', 'tries what the kernel can do'],
      ['process/', 'containers and daemons'],
      ['netns/sockets/packet-socket.ts', 'closes sockets that the kernel is slow to close'],
      ['cli/commands/nodes/exec.ts', 'runs what the user asks for'],
      ['cli/', 'a person is waiting for it'],
    ],
  ],
  [
    'node:fs',
    [
      ['main.ts', 'the program, and what V8 compiled of it'],
      ['output.ts', 'standard output'],
      ['topology/files.ts', 'the topology itself, and its manifests'],
      ['backends/udp/udp.ts', 'the program that it puts on every host'],
      ['backends/etcd/etcd.ts', 'the program that it puts on every host'],
      ['backends/wireguard/wireguard.ts', 'the program that it puts on every host'],
      ['topology/kubernetes/glob.ts', 'which manifests it means'],
      ['netns/', 'namespaces are files'],
      ['kernel/observe.ts', 'which namespaces there are'],
      ['kernel/features/probe.ts', 'which programs there are'],
      ['process/', 'files, records and logs of containers and daemons'],
      ['state/', 'journals'],
      ['capture/tap.ts', 'closes sockets'],
      ['trace/collect/', 'sockets, and what the kernel describes in files'],
      ['verify/probing/machine.ts', 'what the kernel tells through files'],
      ['bench/processors.ts', 'what the processors did'],
      ['cli/', 'files the user names'],
    ],
  ],
  ['execa', [['cli/commands/tools/', 'asks programs for their version']]],
  [
    'node:net',
    [
      ['netns/sockets/socket.ts', 'sockets made inside namespaces, by descriptor'],
      ['process/bird.ts', 'a Unix socket with a path, which is in no network namespace'],
    ],
  ],
  ['node:http', []],
  ['node:https', []],
  ['node:dgram', [['netns/sockets/socket.ts', 'sockets made inside namespaces, by descriptor']]],
  // A look-up is made by a thread of the pool, which stays in the machine's namespace.
  ['node:dns', []],
  [
    'node:worker_threads',
    [
      ['netns/step-threads.ts', 'namespaces of large labs side by side'],
      ['netns/step-thread.ts', 'the program of such a thread'],
    ],
  ],
]

test('where things are on the machine is known by one file, and who is root by the same', () => {
  const named = sources.filter((s) => /[`'"]\/run\/net|geteuid/.test(s.text))
  expect(named.map((s) => s.path)).toEqual(['netns/paths.ts'])
})

describe('who touches the machine is known', () => {
  test.each(TOUCHES)('%s', (module, files) => {
    const users = sources
      .filter((s) => s.imports.some((i) => !i.types && (i.target === module || i.target.startsWith(`${module}/`))))
      .map((s) => s.path)
    const may = (path: string): boolean =>
      files.some(([allowed]) => path === allowed || (allowed.endsWith('/') && path.startsWith(allowed)))
    expect(users.filter((path) => !may(path))).toEqual([])
  })
})

test('packages are those we chose', () => {
  const packages = new Set(
    sources.flatMap((s) => s.imports.filter((i) => !isOurs(i.target) && !i.target.startsWith('node:')).map((i) => i.target)),
  )
  expect(
    [...packages].filter(
      (p) => !['@commander-js/extra-typings', 'chalk', 'execa', 'get-east-asian-width', 'ip-address', 'koffi', 'yaml', 'zod'].includes(p),
    ),
  ).toEqual([])
})

describe('what a Services or policy module makes is known in its folder alone', () => {
  /** Names of chains and sets. */
  const MADE = /\b(?:KUBE|NETLAB)-[A-Z]+\b|\bnp[46]-/
  const isOwn = (path: string): boolean => /^(?:services|policy)\/\w+\/|^compile\/masquerade\.ts$/.test(path)

  test('chains and sets are named by no other source', () => {
    expect(sources.filter((s) => !isOwn(s.path) && MADE.test(s.text)).map((s) => s.path)).toEqual([])
    expect(sources.filter((s) => isOwn(s.path) && MADE.test(s.text)).length).toBeGreaterThan(3)
  })

  test('the modules themselves are named by their registries', () => {
    // A word of HTML, of rtnetlink and of prose, too; that no reader tests for it, names.test.ts sees to.
    const names = [...new Set([...Object.keys(serviceModules), ...Object.keys(policyModules)])].filter((name) => name !== 'none')
    const named = (text: string): boolean => names.some((name) => text.includes(`'${name}'`))
    // The kernel's floor runs the tool of that name.
    const others = sources.filter((s) => !['services', 'policy', 'presets', 'kernel'].includes(s.stage) && named(s.text))
    expect(others.map((s) => s.path)).toEqual([])
  })

  test('suites that judge modules by what they promise know no chain either', () => {
    const suites = ['verify', 'policy', 'services', 'trace'].flatMap((folder) => textsBelow(`../../${folder}`))
    expect(suites.length).toBeGreaterThan(20)
    expect(suites.filter((s) => MADE.test(s.text)).map((s) => s.path)).toEqual([])
  })
})

test('files are short enough to be read', () => {
  // A hint, not a law: past this length a file is probably more than one idea.
  expect(sources.filter((s) => s.lines > 400).map((s) => `${s.path}: ${s.lines} lines`)).toEqual([])
})

describe('these tests read imports right', () => {
  test.each([
    ["import { a } from './b.ts'", ['x/b.ts']],
    ["import type { A } from '../y/b.ts'", ['type y/b.ts']],
    ["import { type A, type B } from './b.ts'", ['type x/b.ts']],
    ["import { type A, b } from './b.ts'", ['x/b.ts']],
    ["import {\n  a,\n  type B,\n} from './b.ts'", ['x/b.ts']],
    ["import * as z from 'zod'", ['zod']],
    ["import './b.ts'", ['x/b.ts']],
    ["export { a } from './b.ts'", ['x/b.ts']],
    ["export type { A } from './b.ts'", ['type x/b.ts']],
    ["export * from './b.ts'", ['x/b.ts']],
    ["  const a = await import('./b.ts')", ['lazy x/b.ts']],
    ["  process.getBuiltinModule('node:crypto').createHash('sha256')", ['lazy node:crypto']],
    ["export const a = 'from'\nconst b = './b.ts'", []],
  ])('%j', (text, expected) => {
    expect(importsOf(text, 'x/a.ts').map((i) => `${i.types ? 'type ' : ''}${i.lazy ? 'lazy ' : ''}${i.target}`)).toEqual(expected)
  })
  test('and find them', () => {
    expect(sources.length).toBeGreaterThan(60)
    // A file that imports nothing is small, or a table of words.
    expect(sources.filter((s) => s.imports.length === 0).length).toBeLessThan(sources.length / 6)
    expect(
      cycles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual([['b', 'c', 'b']])
  })
})
