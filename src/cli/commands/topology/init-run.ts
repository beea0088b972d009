/** `netlab init`: a starter topology, small enough to read and complete enough to run. */
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { attachModules } from '../../../attach/index.ts'
import { backends } from '../../../backends/index.ts'
import { quote } from '../../../kernel/script.ts'
import { writeOut } from '../../../report/formats/terminal.ts'
import { Exit, failure, type Failure } from '../../failure.ts'
import { isRoot } from '../../../netns/paths.ts'

/** Where editors look when a topology says `$schema=./topology.schema.json`. */
const SCHEMA = 'topology.schema.json'

/** Where pod-b is found in the lab of {@link starter}. */
export const POD_B = '10.244.1.2'

/** A lab's name out of a file's: `My Lab_2.yaml` → `my-lab-2`. */
export function nameFor(file: string): string {
  const words = basename(file)
    .replace(/\.ya?ml$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
  return words.replace(/^-+/, '').slice(0, 63).replace(/-+$/, '') || 'lab'
}

/** A name as YAML that is text: `7`, `1e3` and `true` would be something else. */
const yamlText = (name: string): string => (/^[a-z]/.test(name) && !/^(true|false|null|yes|no|on|off|y|n)$/.test(name) ? name : `"${name}"`)

/** @param schema whether a schema lies beside the file, for editors to complete and check it with */
export function starter(name: string, schema: boolean): string {
  return `${schema ? `# yaml-language-server: $schema=./${SCHEMA}\n` : ''}# Two hosts, a pod on each. What is not written here has a default.
name: ${yamlText(name)}

hosts:                  # machines of the cluster: each gets an address and a block of the pod network
  node-1: {}
  node-2: {}

pods:                   # each gets an address out of its host's block
  pod-a: { host: node-1 }
  pod-b: { host: node-2 }

network:
  backend: vxlan        # how packets get from host to host: ${Object.keys(backends).join(', ')}
  attach: bridge        # how pods are connected to their host: ${Object.keys(attachModules).join(', ')}
`
}

/** Why the file could not be written, and what to do. */
function refusal(file: string, error: NodeJS.ErrnoException): Failure {
  switch (error.code === 'EEXIST' && lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ? 'EISDIR' : error.code) {
    case 'EEXIST':
      return failure(Exit.Usage, 'file-exists', `${file} exists already`, 'Name another file, or overwrite this one with --force.')
    case 'EISDIR':
      return failure(Exit.Usage, 'is-directory', `${file} is a directory`, `Name a file in it: ${join(file, 'lab.yaml')}`)
    case 'ENOENT':
    case 'ENOTDIR':
      return failure(Exit.Usage, 'no-directory', `there is no directory ${dirname(file)}`, 'Make it first, or name a file elsewhere.')
    default:
      return failure(Exit.Usage, 'file-unwritable', `cannot write ${file}: ${error.message}`)
  }
}

export async function init(file: string, options: { readonly force?: true }): Promise<void> {
  const schema = existsSync(join(dirname(file), SCHEMA))
  try {
    writeFileSync(file, starter(nameFor(file), schema), { flag: options.force ? 'w' : 'wx' })
  } catch (error) {
    throw refusal(file, error as NodeJS.ErrnoException)
  }
  const sudo = isRoot() ? '' : 'sudo '
  const word = quote(file)
  const steps = [
    [`${sudo}netlab up ${word}`, 'build it'],
    [`${sudo}netlab exec pod-a -- ping -c1 ${POD_B}`, 'pod-a reaches pod-b'],
    [`${sudo}netlab down ${word}`, 'remove it again'],
    [`netlab graph ${word}`, 'draw it, without root'],
  ] as const
  const width = Math.max(...steps.map(([command]) => command.length))
  const lines = steps.map(([command, why]) => `  ${command.padEnd(width)}  # ${why}\n`)
  const editors = `
Editors complete and check it with netlab schema > ${quote(join(dirname(file), SCHEMA))} and this first line:
  # yaml-language-server: $schema=./${SCHEMA}
`
  return writeOut([`wrote ${file}: two hosts, a pod on each\n\nNext:\n`, ...lines, schema ? '' : editors])
}
