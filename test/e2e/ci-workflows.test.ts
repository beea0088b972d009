/** The workflows of docs/ci.md that do without the action: their commands are run as they stand there. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { randomName } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { run, told } from '../support/run.ts'
import { machineSnapshot, settledSnapshot } from '../support/snapshot.ts'

ownMachine()

const noGit = spawnSync('git', ['--version']).error === undefined ? false : 'needs git, which the workflows clone netlab with'

const BROKEN = `hosts: { node-1: {}, node-2: {} }
pods: { a: { host: node-1 }, b: { host: node-2 } }
expect:
  - { from: a, to: b, result: deny }
`

/** sudo as Debian and Ubuntu set it up: PATH is its own, and without -E nothing of the environment stays. */
const SUDO = `#!/bin/sh
if [ "$1" = -E ]; then
  shift
  PATH=@SECURE@ exec "$@"
fi
exec /usr/bin/env -i PATH=@SECURE@ HOME=/root "$@"
`

interface Workflow {
  readonly jobs?: Readonly<Record<string, { readonly steps: readonly { run?: string; uses?: string; with?: { path?: string } }[] }>>
  readonly network?: {
    readonly script: readonly string[]
    readonly after_script?: readonly string[]
    readonly artifacts: { readonly paths: readonly string[]; readonly reports: { readonly junit: string } }
  }
}

const workflows = [...readFileSync(join(root, 'docs/ci.md'), 'utf8').matchAll(/^```yml\n([^]*?)^```$/gm)].map(
  (m) => parse(m[1]!) as Workflow,
)

describe('workflows of docs/ci.md', { skip: unable || noGit }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  const [source, bin, secure, temp] = ['source', 'bin', 'secure', 'temp'].map((name) => join(dir, name)) as [string, string, string, string]
  /** Other workflows find here what the one with a container has installed. */
  const installed = join(temp, 'gitlab')
  after(() => rmSync(dir, { recursive: true, force: true }))

  before(async () => {
    for (const made of [source, bin, secure, temp]) mkdirSync(made)
    for (const name of ['bin', 'src', 'scripts', 'package.json']) cpSync(join(root, name), join(source, name), { recursive: true })
    for (const words of [
      ['init', '-q'],
      ['add', '-A'],
      ['-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'x'],
    ]) {
      const git = await run(['git', ...words], { cwd: source })
      assert.equal(git.code, 0, told(git))
    }
    // Instead of npm ci, which would take its time: found above the clones, as Node.js looks for packages.
    symlinkSync(join(root, 'node_modules'), join(temp, 'node_modules'))
    // Nothing else is found by sudo: netlab and Node.js may be anywhere in the PATH of a job.
    for (const name of ['env', 'chown']) symlinkSync(join('/usr/bin', name), join(secure, name))
    writeFileSync(join(bin, 'sudo'), SUDO.replaceAll('@SECURE@', secure))
    chmodSync(join(bin, 'sudo'), 0o755)
  })

  /** Runs scripts one after the other in a repository with one lab, which breaks its promise; the last must say so. */
  async function job(scripts: readonly string[], reports: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
    const untouched = await machineSnapshot()
    const workspace = mkdtempSync(join(dir, 'workspace-'))
    mkdirSync(join(workspace, 'topologies'))
    writeFileSync(join(workspace, 'topologies', `${randomName()}.yaml`), BROKEN)
    const everywhere = {
      PATH: `${bin}:${process.env['PATH']}`,
      RUNNER_TEMP: temp,
      NETLAB: installed,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: `url.file://${source}.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://github.com/OWNER/netlab',
      GIT_CONFIG_KEY_1: `url.file://${source}.insteadOf`,
      GIT_CONFIG_VALUE_1: 'https://HOST/OWNER/netlab',
      GITHUB_ACTIONS: undefined,
      GITHUB_STEP_SUMMARY: undefined,
    }
    for (const [i, script] of scripts.entries()) {
      const result = await run(['bash', '-e', '-c', script], { cwd: workspace, env: { ...everywhere, ...env } })
      assert.equal(result.code, i === scripts.length - 1 ? 1 : 0, `${script}\n${told(result)}`)
    }
    assert.ok(reports.length > 1)
    for (const report of reports) assert.ok(existsSync(join(workspace, report)), `${report} is uploaded, and was not written`)
    rmSync(workspace, { recursive: true })
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  }

  test('GitHub, without the action: clones, builds, tests, annotates', async () => {
    const jobs = workflows.flatMap((w) => Object.values(w.jobs ?? {})).filter((j) => j.steps.some((s) => s.run !== undefined))
    assert.equal(jobs.length, 1)
    const { steps } = jobs[0]!
    const page = join(dir, 'page')
    const uploaded = steps
      .find((s) => s.uses?.startsWith('actions/upload-artifact@'))!
      .with!.path!.trim()
      .split('\n')
    await job(
      steps.flatMap((s) => s.run ?? []),
      uploaded,
      { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: page },
    )
    assert.match(readFileSync(page, 'utf8'), /^## netlab: 1 of 1 lab failed/)
  })

  test('GitLab: in a container from nothing, then by a shell executor with what is installed', async () => {
    const jobs = workflows.flatMap((w) => w.network ?? [])
    assert.equal(jobs.length, 2)
    for (const { script, artifacts } of jobs) await job(script, [...artifacts.paths, artifacts.reports.junit], {})
    // What it gives back is what it made.
    const { after_script: last, artifacts } = jobs[1]!
    for (const report of [...artifacts.paths, artifacts.reports.junit])
      assert.match(last!.join('\n'), new RegExp(`^sudo chown .* ${report}\\b`))
  })
})
