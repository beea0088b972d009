/** `netlab logs`: what a container printed. */
import { readLog } from '../../../process/logs.ts'
import { processDir } from '../../../state/store.ts'
import { Exit, failure } from '../../failure.ts'
import { callName, theLab, theNode } from '../../labs.ts'

interface LogsOptions {
  readonly container?: string
  readonly follow?: true
  readonly lab?: string
}

export async function logs(podName: string, options: LogsOptions): Promise<void> {
  const { lab, objects } = theLab(options.lab)
  const pod = theNode(lab, podName)
  if (pod.kind !== 'pod') throw failure(Exit.Usage, 'not-a-pod', `${podName} is a ${pod.kind}: only pods have containers`)
  const containers = objects.filter((o) => o.kind === 'process').filter((o) => o.ns === pod.netns)
  const names = containers.map((c) => c.container)
  if (containers.length === 0)
    throw failure(Exit.Usage, 'no-container', `pod ${callName(pod)} has no container`, 'Give it one with `containers:` in the topology.')
  const chosen = options.container === undefined ? containers : containers.filter((c) => c.container === options.container)
  if (chosen.length === 0)
    throw failure(
      Exit.Usage,
      'no-container',
      `pod ${callName(pod)} has no container "${options.container}"`,
      `Containers: ${names.join(', ')}.`,
    )
  if (chosen.length > 1)
    throw failure(
      Exit.Usage,
      'which-container',
      `pod ${callName(pod)} has ${names.length} containers: ${names.join(', ')}`,
      'Say which one with -c NAME.',
    )
  for await (const chunk of readLog(processDir(lab.name), chosen[0]!.id, { follow: options.follow ?? false })) {
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
  }
}
