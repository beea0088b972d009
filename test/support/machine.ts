/**
 * A machine of the test's own: a network namespace as the machine's, empty /run and /tmp, processes numbered
 * anew. What a test finds there afterwards is netlab's doing alone, so "exactly as before" can be
 * meant; nothing in it can hurt the real machine or meet another test, so even `down --all` can be tried; and
 * when the test ends, however it ends, the kernel ends every process in it and with them every namespace.
 */
import { spawnSync } from 'node:child_process'
import { FEATURES, type Feature } from '../../src/kernel/features/feature.ts'
import { probe } from '../../src/kernel/features/probe.ts'
import { root } from './root.ts'
import { isRoot } from '../../src/netns/paths.ts'

const INSIDE = 'NETLAB_TEST_MACHINE'

/** On a machine of its own, with its own /tmp: everything that appears there is netlab's doing. */
export const alone = process.env[INSIDE] === 'own'

/** Programs the tests themselves cannot do without. */
const TOOLS = ['ip', 'bridge', 'iptables', 'nft', 'nsenter', 'unshare', 'setpriv', 'perl', 'ping', 'tcpdump', 'sysctl']

/** Why nothing here can run, or false. For the `skip` of every suite. */
export const unable: string | false = (() => {
  if (!isRoot()) return 'needs root, to make network namespaces'
  const absent = TOOLS.filter((tool) => spawnSync(tool, ['-V'], { stdio: 'ignore' }).error !== undefined)
  return absent.length > 0 ? `needs ${absent.join(', ')} (scripts/setup.sh test)` : false
})()

let reasons: ReadonlyMap<Feature, string | undefined> | undefined

/** Why this kernel does not have a feature; undefined where it does. All features are tried, once a process. */
export function missing(feature: Feature): string | undefined {
  reasons ??= new Map(probe(FEATURES.map((f) => f.name)).map((r) => [r.feature, r.works ? undefined : (r.reason ?? 'no reason given')]))
  return reasons.get(feature)
}

const SETUP = String.raw`
# Our copies of the real machine's namespace files would keep alive what others delete there.
for file in $(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - nsfs .*/\1/p' /proc/self/mountinfo) /run/netns; do
  umount -l "$file" 2>/dev/null
done
set -e
# As systemd has it, so that what netlab leaves mounted anywhere is seen.
mount --make-rshared /
mount -t tmpfs -o mode=755 run /run
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=1777 shm /dev/shm
[ "$1" = keep ] || mount -t tmpfs -o mode=1777 tmp /tmp
shift
ip link set lo up
# iproute2 makes /run/netns a mount for the first namespace, and leaves that.
ip netns add first
ip netns delete first
set +e
# Not exec: sh is process 1 here and buries orphans.
"$@"
exit $?`

/**
 * To be called first in a test file: starts the file again inside such a machine and ends with it.
 * Returns inside, and where it cannot be done: then {@link unable} says why.
 */
export function ownMachine(): void {
  if (unable !== false) return
  if (process.env[INSIDE]) {
    // Kernel modules that a lab would load bring settings that stay: trying the features loads them now.
    missing('netns')
    return
  }
  const keepTmp = `${root}/`.startsWith('/tmp/') ? 'keep' : 'own'
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', '--kill-child']
  const { status, error } = spawnSync('setpriv', ['--pdeathsig', 'KILL', ...unshare, 'sh', '-c', SETUP, 'sh', keepTmp, ...again], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: keepTmp },
  })
  if (error) throw error
  process.exit(status ?? 1)
}
