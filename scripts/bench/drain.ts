// Waits until the kernel has taken deleted namespaces apart. Deleting returns at once; the work goes on in the
// background and makes whatever is measured meanwhile up to twice as slow.
import { execa } from 'execa'
import { deleteNamespaces, labName } from './labs.ts'
import { run } from './measure.ts'

/**
 * The kernel takes namespaces apart in the order of deletion, all that wait at the time in one go, one go after
 * the other. So a pair of devices is laid between two new namespaces and one of them is deleted: when the other
 * end has vanished, this go has come to devices. A second one then says that the first has ended, a third that
 * what the first left to be freed has been freed (the count in /proc/slabinfo agrees).
 */
export async function drained(): Promise<void> {
  const name = labName('drain')
  for (let i = 0; i < 3; i++) {
    const [gone, stays] = [`${name}.gone`, `${name}.stays`]
    const lines = [
      `netns add ${gone}`,
      `netns add ${stays}`,
      `link add d0 netns ${gone} type veth peer name d1 netns ${stays}`,
      `netns delete ${gone}`,
    ]
    await execa('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` })
    await run(['nsenter', `--net=/run/netns/${stays}`, 'sh', '-c', 'while grep -q d1: /proc/self/net/dev; do sleep 0.02; done'])
    await deleteNamespaces(name)
  }
}
