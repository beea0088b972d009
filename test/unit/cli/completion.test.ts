import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../../../src/cli/program.ts'
import { candidates, completion, type Running } from '../../../src/cli/commands/tools/completion-run.ts'
import { scripts } from '../../../src/cli/commands/tools/completion-scripts.ts'
import type { Failure } from '../../../src/cli/failure.ts'
import { nodesOf } from '../../../src/lab/lab.ts'
import { labFrom, SMALL, TWO_RACKS } from '../report/labs.ts'

const labs = { small: labFrom(SMALL).lab, 'two-racks': labFrom(TWO_RACKS).lab }
const now: Running = {
  labs: () => Object.keys(labs),
  nodes: (lab) => (lab === undefined ? Object.values(labs) : [labs[lab as keyof typeof labs]]).flatMap(nodesOf),
}
/** Candidates for the last word of a line, without their descriptions. */
const tab = (line: string): string[] => candidates(line.split(' '), program(), now).map((c) => c.split('\t')[0]!)

describe('candidates', () => {
  test('for the first word are the commands, described, without the hidden one', () => {
    const names = program()
      .commands.map((c) => c.name())
      .filter((n) => n !== '__complete')
    expect(names.length).toBeGreaterThan(10)
    expect(tab('').toSorted()).toEqual([...names, 'help'].toSorted())
    expect(tab('s').toSorted()).toEqual(names.filter((n) => n.startsWith('s')).toSorted())
    expect(candidates(['gra'], program(), now)).toEqual(['graph\tDraw a topology file or a running lab.'])
    expect(tab('help ini')).toEqual(['init'])
    expect(tab('nonsense ')).toEqual([])
  })

  test('after a dash are the options of the command, each once', () => {
    expect(tab('down --')).toEqual(['--all', '--json', '--help'])
    expect(tab('down --all --')).toEqual(['--json', '--help'])
    expect(tab('--v')).toEqual(['--version'])
    expect(tab('up -- --')).toEqual([':yaml'])
  })

  test.each([
    ['up ', [':yaml']],
    ['up lab.yaml ', []],
    ['plan --json ', [':yaml']],
    ['ci ', [':yaml']],
    ['ci a.yaml b', [':yaml']],
    ['ci a.yaml --junit ', [':files']],
    ['ci a.yaml --trace-failures ', [':files']],
    ['test --only ', ['model', 'policy', 'service', 'expect']],
    ['capture --lab small pod-', ['pod-a', 'pod-b']],
    ['capture --lab small pod-a pod-', ['pod-b']],
    ['capture pod-a --write ', [':files']],
    ['capture pod-a --filter ', []],
    ['status --watch ', ['small', 'two-racks']],
    ['graph ', ['small', 'two-racks', ':yaml']],
    ['inspect t', ['two-racks', ':yaml']],
    ['down small ', ['two-racks', ':yaml']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['graph --format ', ['text', 'mermaid', 'dot']],
    ['graph --format m', ['mermaid']],
    ['graph --format=d', ['--format=dot']],
    ['graph --format mermaid two', ['two-racks', ':yaml']],
    ['exec --lab ', ['small', 'two-racks']],
    ['exec --lab=s', ['--lab=small']],
    ['exec --lab small pod', ['pod-a', 'pod-b']],
    ['shell --lab=small pod-b', ['pod-b']],
    ['exec --lab two-racks s', ['switch-rack-1', 'switch-rack-2', 'shop/cart']],
    ['exec --lab nowhere ', []],
    ['shell e', ['end']],
    ['logs ', ['shop/cart', 'client']],
    ['logs -c ', ['http', 'dns', 'web']],
    ['logs shop/cart --container d', ['dns']],
    ['logs shop/cart ', []],
    ['ls ', []],
  ])('for "%s" are %j', (line, expected) => {
    const missing = line.includes('nowhere')
    const found = missing ? candidates(line.split(' '), program(), { ...now, nodes: () => [] }) : tab(line)
    expect(found).toEqual(expected)
  })

  test('of the word after the node are the command line that netlab does not know', () => {
    expect(tab('exec pod-a ')).toEqual(['--'])
    expect(tab('exec pod-a -- ')).toEqual([':command 3'])
    expect(tab('exec --lab small pod-a -- ip -4 ')).toEqual([':command 5'])
    expect(tab('exec pod-a ip --')).toEqual([':command 2'])
    expect(tab('exec pod-a -- ping -c --lab ')).toEqual([':command 3'])
  })

  test('say what a node is', () => {
    expect(candidates(['exec', '--lab', 'small', 'pod-a'], program(), now)).toEqual(['pod-a\tpod 10.244.0.2'])
  })
})

test('an unknown shell is refused with those there are', async () => {
  const error = (await completion('tcsh').catch((e: unknown) => e)) as Failure
  expect([error.exit, error.diagnostics[0]?.hint]).toEqual([2, 'Shells: bash, zsh, fish.'])
})

/** The words as readline splits them: also at "=" and ":". */
const readline = (line: string): string[] =>
  (line.endsWith(' ') ? `${line}\0` : line).match(/[^\s=:]+|[=:]/g)!.map((w) => w.replace('\0', ''))

describe('in bash', () => {
  let dir: string
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'netlab-completion-'))
    mkdirSync(join(dir, 'topologies'))
    for (const file of ['lab.yaml', 'other.yml', 'notes.txt', 'my lab.yaml']) writeFileSync(join(dir, file), '')
    writeFileSync(join(dir, 'netlab.bash'), scripts.bash)
    // Says what it was asked, and answers what the test has put into the file.
    writeFileSync(join(dir, 'netlab'), `#!/bin/sh\nprintf '%s\\n' "$@" >${dir}/asked\ncat ${dir}/answer\n`)
    chmodSync(join(dir, 'netlab'), 0o755)
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  const complete = (line: string, before = ''): string[] => {
    const words = readline(line)
      .map((w) => `'${w}'`)
      .join(' ')
    const script = `compopt() { echo "compopt $*" >&2; }; . ./netlab.bash; ${before}
      COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      complete -p netlab | grep -q -- '-F _netlab' || exit 9
      _netlab '${dir}/netlab' "\${COMP_WORDS[COMP_CWORD]}"
      [ \${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['--norc', '-c', script], { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .slice(0, -1)
  }
  const answer = (...lines: string[]): void => writeFileSync(join(dir, 'answer'), lines.map((l) => `${l}\n`).join(''))
  const asked = (): string[] => readFileSync(join(dir, 'asked'), 'utf8').split('\n').slice(0, -1)

  test('the words are passed on, the answers are shown without descriptions', () => {
    answer('pod-a\tpod 10.244.0.2', 'shop/cart\tpod')
    expect(complete('netlab exec --lab two-racks ')).toEqual(['pod-a', 'shop/cart'])
    expect(asked()).toEqual(['__complete', '--', 'exec', '--lab', 'two-racks', ''])
  })

  test('what readline split at "=" is asked as one word, and only its tail is replaced', () => {
    answer('--format=mermaid')
    expect(complete('netlab graph --format=me')).toEqual(['mermaid'])
    expect(asked()).toEqual(['__complete', '--', 'graph', '--format=me'])
    expect(complete('netlab graph --format=')).toEqual(['mermaid'])
    expect(asked()).toEqual(['__complete', '--', 'graph', '--format='])
  })

  test('topology files are found by the shell, beside other candidates', () => {
    answer('running-lab', ':yaml')
    expect(complete('netlab down ').toSorted()).toEqual(['lab.yaml', 'my lab.yaml', 'other.yml', 'running-lab', 'topologies'])
    answer(':yaml')
    expect(complete('netlab up o')).toEqual(['other.yml'])
  })

  test("a command's own line is left to the completion of commands", () => {
    answer(':command 3')
    expect(complete('netlab exec pod-a -- netla', `PATH=${dir}:$PATH`)).toEqual(['netlab'])
    // With bash-completion, which wants the position counted as readline counts.
    answer(':command 4')
    expect(complete('netlab exec --lab=x pod-a -- ip a', '_command_offset() { COMPREPLY=("offset $1 ${COMP_WORDS[$1]}"); }')).toEqual([
      'offset 7 ip',
    ])
  })

  test('nothing is offered when netlab fails or is gone', () => {
    writeFileSync(join(dir, 'broken'), '#!/bin/sh\necho "error: no" >&2\nexit 70\n')
    expect(complete('netlab up ', `chmod +x broken; mv broken netlab`)).toEqual([])
    rmSync(join(dir, 'netlab'))
    expect(complete('netlab up ')).toEqual([])
  })
})

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

describe.each(['bash', 'zsh', 'fish'] as const)('the script for %s', (shell) => {
  test.skipIf(!has(shell))(`is valid${has(shell) ? '' : ' (shell not installed)'}`, () => {
    const dir = mkdtempSync(join(tmpdir(), 'netlab-completion-'))
    writeFileSync(join(dir, 'script'), scripts[shell])
    execFileSync(shell, ['-n', join(dir, 'script')])
    rmSync(dir, { recursive: true })
    expect(scripts[shell]).not.toContain('\\${')
  })
})

test.skipIf(!has('fish'))('in fish candidates have descriptions, files end in .yaml or .yml, commands complete themselves', () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-completion-'))
  for (const file of ['lab.yaml', 'lot.yml', 'lost.txt']) writeFileSync(join(dir, file), '')
  writeFileSync(join(dir, 'script'), scripts.fish)
  writeFileSync(
    join(dir, 'netlab'),
    `#!/bin/sh\ncase "$*" in *" -- up "*) echo :yaml;; *exec*) echo ":command 3";; *) printf 'graph\\tdraws\\n';; esac\n`,
  )
  chmodSync(join(dir, 'netlab'), 0o755)
  const complete = (line: string): string[] =>
    execFileSync('fish', ['--no-config', '-c', `source script; complete -C ${JSON.stringify(line)}`], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...process.env, HOME: dir, PATH: `${dir}:${process.env['PATH']}` },
    })
      .split('\n')
      .slice(0, -1)
  expect(complete('netlab gr')).toEqual(['graph\tdraws'])
  expect(new Set(complete('netlab up l').map((l) => l.split('\t')[0]))).toEqual(new Set(['lab.yaml', 'lot.yml']))
  expect(complete('netlab exec pod-a -- netla').map((l) => l.split('\t')[0])).toEqual(['netlab'])
  rmSync(dir, { recursive: true })
})

test('netlab itself answers, and stays silent about nonsense', () => {
  const entry = resolve('src/cli/program.ts')
  const ask = (...words: string[]): string =>
    execFileSync(
      process.execPath,
      [
        '--import',
        'tsx',
        '-e',
        `import(${JSON.stringify(entry)}).then((m) => m.run(['node', 'netlab', '__complete', '--', ...JSON.parse(process.env.WORDS)]))`,
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, WORDS: JSON.stringify(words) },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
  expect(ask('completion', 'f')).toBe('fish\n')
  expect(ask('exec', 'pod-a', '--', 'ls', '--json', '')).toBe(':command 3\n')
  expect(ask('--nonsense', '--lab', '--', '-', '')).toBe('')
})
