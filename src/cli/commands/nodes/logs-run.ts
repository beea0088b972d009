/** `netlab logs`: what a container or daemon printed. */
import { fstatSync } from 'node:fs'
import { readLog } from '../../../process/logs.ts'
import { processDir } from '../../../state/store.ts'
import { Exit, failure } from '../../failure.ts'
import { onGitHub } from '../../../report/formats/visible.ts'
import { writeExact, writeLog } from '../../../report/formats/terminal.ts'
import { findHostPod } from '../../../lab/lab.ts'
import { theLab, theNode, titleOf } from '../../labs.ts'
import { plural } from '../../../plural.ts'

interface LogsOptions {
  readonly container?: string
  readonly follow?: true
  readonly lab?: string
}

export async function logs(word: string, options: LogsOptions): Promise<void> {
  const { lab, objects } = theLab(options.lab)
  const node = theNode(lab, word)
  const hostPod = node.kind === 'host' ? findHostPod(lab, word) : undefined
  const name = hostPod ? `pod ${hostPod.key}` : titleOf(node)
  const what = node.kind === 'pod' || node.kind === 'external' || hostPod ? 'container' : 'daemon'
  const all = objects.flatMap((o) => {
    if (o.ns !== node.netns) return []
    if (hostPod && (o.kind !== 'process' || o.pod !== hostPod.key)) return []
    if (o.kind === 'process') return [{ id: o.id, name: o.container }]
    return o.kind === 'daemon' ? [{ id: o.id, name: o.program }] : []
  })
  if (all.length === 0) {
    const hint =
      what === 'container'
        ? 'Give it one with `containers:` in the topology.'
        : `Only pods and externals have containers; netlab inspect ${lab.name} lists daemons.`
    throw failure(Exit.Usage, `no-${what}`, `${name} has no ${what}`, hint)
  }
  const names = all.map((o) => o.name).join(', ')
  const chosen = options.container === undefined ? all : all.filter((o) => o.name === options.container)
  if (chosen.length === 0) throw failure(Exit.Usage, `no-${what}`, `${name} has no ${what} "${options.container}"`, `It has: ${names}.`)
  if (chosen.length > 1)
    throw failure(Exit.Usage, `which-${what}`, `${name} has ${plural(all.length, what)}: ${names}`, 'Say which one with -c NAME.')
  const pieces = readLog(processDir(lab.name), chosen[0]!.id, { follow: options.follow ?? false })
  // A file and another program want the bytes; a terminal, and a runner that reads a pipe, would do what they say.
  const isShown = process.stdout.isTTY || (onGitHub() && !fstatSync(1).isFile())
  if (isShown) await writeLog(pieces)
  else for await (const piece of pieces) await writeExact([piece])
}
