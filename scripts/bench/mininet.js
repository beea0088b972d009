// Mininet, the tool people know for networks out of namespaces, with as many hosts on as many bridges.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.js'

/** Debian installs it for its own Python. */
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('./mininet-lab.py', import.meta.url))

export const installed = () => spawnSync(PYTHON, ['-c', 'import mininet'], { stdio: 'ignore' }).status === 0
export const HOW_TO_INSTALL = 'sudo apt-get install --no-install-recommends mininet bridge-utils, or scripts/setup.sh bench'

/**
 * Mininet keeps bridges and links in the machine's own namespace, and processes for its hosts. Here it gets
 * namespaces of its own instead, which take everything along however it ends.
 * @returns {Promise<{ up: number, down: number }>} seconds
 */
export async function mininet(hosts, bridges) {
  const inside = 'mount -t proc proc /proc && mount -t sysfs sysfs /sys && exec "$@"'
  const { stdout } = await measure(
    [
      'unshare',
      '--net',
      '--pid',
      '--mount',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      inside,
      'sh',
      PYTHON,
      SCRIPT,
      `${hosts}`,
      `${Math.ceil(hosts / bridges)}`,
    ],
    { stdout: true },
  )
  const result = JSON.parse(stdout.trim().split('\n').at(-1))
  if (result.lost > 0) throw new Error('Mininet came up, but its first host does not reach its last')
  return result
}
