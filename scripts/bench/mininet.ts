// Mininet, the tool people know for networks out of namespaces, with as many hosts on as many bridges.
import { fileURLToPath } from 'node:url'
import { execaSync } from 'execa'
import { measure } from './measure.ts'

/** Debian installs it for its own Python. */
const PYTHON = '/usr/bin/python3'
const SCRIPT = fileURLToPath(new URL('./mininet-lab.py', import.meta.url))

const works = (command: string, ...args: string[]): boolean => !execaSync(command, args, { stdio: 'ignore', reject: false }).failed

/** Whether this machine has it, and brctl(8), with which it makes its bridges. */
export const installed = (): boolean => works(PYTHON, '-c', 'import mininet') && works('brctl', '--version')
/** What installs it. */
export const HOW_TO_INSTALL = 'sudo apt-get install --no-install-recommends mininet bridge-utils, or scripts/setup.sh bench'

/**
 * Mininet keeps bridges and links in the machine's own namespace, and processes for its hosts. Here it gets
 * namespaces of its own instead, which take everything along however it ends.
 * @returns seconds
 */
export async function mininet(hosts: number, bridges: number): Promise<{ readonly up: number; readonly down: number }> {
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
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!) as { up: number; down: number; lost: number }
  if (result.lost > 0) throw new Error('Mininet came up, but its first host does not reach its last')
  return result
}
