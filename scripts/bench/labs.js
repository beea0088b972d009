// The labs that are measured: their topology files, and the promise that nothing of them stays.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NETNS_DIR = '/run/netns'
const id = randomBytes(2).toString('hex')
const labs = new Set()
let dir

/** A file or directory of this run. */
export function scratch(name) {
  dir ??= mkdtempSync(join(tmpdir(), 'netlab-bench-'))
  return join(dir, name)
}

/** Reserves a name for a lab: whatever carries it is removed at the end. */
export function labName(what) {
  const name = `bench-${id}-${what}`
  labs.add(name)
  return name
}

/** Writes a topology and returns the lab's name and file. JSON is YAML. */
export function lab(what, topology) {
  const name = labName(what)
  const file = scratch(`${what}.yaml`)
  writeFileSync(file, JSON.stringify({ name, ...topology }, undefined, 2))
  return { name, file }
}

/** Hosts, and pods that each answer on a port. */
export const servers = (hosts, pods, port) => ({
  hosts: { node: { replicas: hosts } },
  pods: { pod: { replicas: pods, containers: [{ name: 'web', ports: [{ containerPort: port }] }] } },
})

/** Namespaces of a lab, whoever made them. */
export const namespacesOf = (name) => (existsSync(NETNS_DIR) ? readdirSync(NETNS_DIR).filter((ns) => ns.startsWith(`${name}.`)) : [])

/** Deletes the namespaces of a lab in one batch. */
export function deleteNamespaces(name) {
  const doomed = namespacesOf(name)
  if (doomed.length > 0)
    spawnSync('ip', ['-force', '-batch', '-'], {
      input: doomed.map((ns) => `netns delete ${ns}\n`).join(''),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
}

/** Removes everything this run made. */
export function cleanUp(netlab) {
  for (const name of labs) {
    if (existsSync(`/run/netlab/${name}`)) spawnSync(process.execPath, [netlab, 'down', name], { stdio: 'ignore' })
    deleteNamespaces(name)
  }
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
}
