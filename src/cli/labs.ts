/** Finds the lab and node a command line means. */
import { upCommand } from '../state/up-command.ts'
import { existsSync, lstatSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { findNode, type Lab, type Node, nodeName, nodesOf } from '../lab/lab.ts'
import { labNames, readApplied, readJournal, type Applied } from '../state/store.ts'
import { readText } from '../topology/files.ts'
import { suggest } from '../topology/suggest.ts'
import { Exit, failure, Failure } from './failure.ts'

/** `pod shop/cart`, `host node-1`; a router that is the only one is `router` alone. */
export const titleOf = (node: Node): string => (node.kind === 'router' && !node.bgp ? 'router' : `${node.kind} ${nodeName(node)}`)

/** The name a topology gives its lab. Read without validating the file: a broken one must not keep its lab from being removed. */
const writtenName = (path: string): string | undefined =>
  /^name:[ \t]*(["']?)([a-z0-9-]+)\1[ \t]*(?:#.*)?\r?$/m.exec(readText(path).value ?? '')?.[2]

/** File a lab was made from; a lab whose records are damaged hides no other. */
function fileOf(lab: string): string | undefined {
  try {
    return readJournal(lab)?.file
  } catch {
    return undefined
  }
}

/** Name of the lab that a word means: a lab's name, or the file it was made from. */
export function labOf(word: string): string {
  const names = labNames()
  if (names.includes(word) || !/[./]/.test(word)) return word
  const path = resolve(word)
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw failure(Exit.Usage, 'is-directory', `${word} is a directory`, 'Give the name of a lab, or the topology file it was made from.')
  const written = writtenName(path)
  const made = names.filter((n) => fileOf(n) === path)
  if (made.length > 0) return written !== undefined && made.includes(written) ? written : made[0]!
  return written ?? basename(path).replace(/\.ya?ml$/, '')
}

/**
 * Labs that a word of `netlab down` means: the lab of that name, or the lab that was made from that file, and from no other
 * file, whatever name is written in this one.
 * @returns undefined for a file that is there and that no lab was made from
 * @throws Failure (exit 2) when the word is a path, and there is neither such a file nor a lab that was made from it
 */
export function labToRemove(word: string): string | undefined {
  const names = labNames()
  if (names.includes(word) || !/[./]/.test(word)) return word
  const lab = labOf(word)
  const path = resolve(word)
  if (names.includes(lab) && fileOf(lab) === path) return lab
  if (existsSync(path)) return undefined
  throw failure(
    Exit.Usage,
    'file-not-found',
    `there is neither a file ${word} nor a lab that was made from it`,
    'netlab ls lists labs and their files.',
  )
}

/** The running lab a command is about: `NETLAB_LAB` in the environment names it where the command line does not. @throws Failure when there is none, several, or not this one. */
export function theLab(word: string | undefined): Applied {
  const names = labNames()
  const wanted = word ?? (process.env['NETLAB_LAB'] || undefined)
  let name: string
  if (wanted !== undefined) name = labOf(wanted)
  else if (names.length === 1) name = names[0]!
  else if (names.length === 0) throw failure(Exit.Usage, 'no-lab', 'no lab is up', 'netlab up FILE builds one.')
  else
    throw failure(
      Exit.Usage,
      'which-lab',
      `${names.length} labs are up: ${names.join(', ')}`,
      'Say which one: by name, with --lab NAME where the command takes node names, or with NETLAB_LAB in the environment.',
    )
  const applied = readApplied(name)
  if (applied) return applied
  if (readJournal(name))
    throw failure(
      Exit.Broken,
      'lab-incomplete',
      `lab ${name} was not brought up completely`,
      `${upCommand({ file: readJournal(name)!.file })} starts over, netlab down ${name} removes what is there.`,
    )
  const near = suggest(name, names)
  throw failure(
    Exit.Usage,
    'no-such-lab',
    `there is no lab "${name}" on this machine`,
    wanted !== name && wanted !== undefined && existsSync(wanted)
      ? `${upCommand({ file: wanted })} builds it.`
      : near
        ? `did you mean "${near}"?`
        : names.length > 0
          ? `Labs: ${names.join(', ')}.`
          : 'netlab up FILE builds one.',
  )
}

/** The node of a lab a word means. @throws Failure with a suggestion. */
export function theNode(lab: Lab, word: string): Node {
  const node = findNode(lab, word)
  if (node) return node
  const names = nodesOf(lab).map(nodeName)
  const near = suggest(word, names)
  throw failure(
    Exit.Usage,
    'unknown-node',
    `lab ${lab.name} has no node "${word}"`,
    near ? `did you mean "${near}"?` : `Nodes: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`,
  )
}

/** @throws Failure (exit 1) when the lab was removed. @param doing what it was removed during: `tested` */
export function requireStillUp({ lab }: Applied, doing: string): void {
  if (readApplied(lab.name)) return
  throw failure(Exit.Broken, 'lab-removed', `lab ${lab.name} was removed while it was ${doing}`, `${upCommand(lab)} builds it again.`)
}

/**
 * Does something with a running lab. Removing a lab ends what runs in it and takes its namespaces away: an error that comes
 * of that says so, and is no fault of the helpers.
 * @throws Failure (exit 1) when it failed and the lab was removed meanwhile; else what `work` throws
 */
export async function whileUp<T>(applied: Applied, doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Failure)) requireStillUp(applied, doing)
    throw error
  }
}
