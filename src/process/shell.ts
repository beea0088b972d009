/**
 * The same containers without netlab: lines for the POSIX shell script that `netlab plan` prints. They need
 * util-linux (nsenter, unshare, setsid), hostname and perl, and write no records: what they start is found and
 * ended by its namespace (`ip netns pids NAME`).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from '../kernel/script.ts'
import { hostname, inherited, ownVariables, portArguments, type ProcessSpec } from './spec.ts'

/** The program of the built-in responder, in Perl; runs by itself as `perl -e SOURCE -- POD 8080/tcp`. */
export function responderSource(): string {
  return readFileSync(new URL('./responder.pl', import.meta.url), 'utf8')
}

const containerFunction = `\
# netlab_container NETNS HOSTNAME LOG [NAME=VALUE ...] COMMAND ...: starts a program in the network of its pod, with
# a host name, mounts and a session of its own. A fresh /sys, because /sys/class/net shows where it was mounted from.
# Mounts are slaves, lest a copy of /run/netns keeps namespaces alive after they were deleted.
netlab_container() (
  netns=$1 hostname=$2 log=$3
  shift 3
  # shellcheck disable=SC2016 # the inner shell expands it
  setsid nsenter --net="/run/netns/$netns" unshare --mount --propagation slave --uts sh -c '
    hostname "$1" && shift && mount -t sysfs sysfs /sys && cd / &&
    exec env -i ${inherited.map((name) => `${name}="\${${name}-}"`).join(' ')} "$@"
  ' sh "$hostname" "$@" >>"$log" 2>&1 </dev/null &
)
`

const responderFunction = () => `\
# netlab_responder NETNS HOSTNAME POD [PORT/PROTOCOL ...]: starts the built-in container, which tells every client
# who answers and whom it sees. Returns when it listens.
netlab_responder() (
  netns=$1 hostname=$2
  shift 2
  # shellcheck disable=SC2016 # the inner shell expands it
  nsenter --net="/run/netns/$netns" unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' \\
    sh "$hostname" perl -e "$(netlab_responder_source)" -- --detach "$@"
)
netlab_responder_source() {
  cat <<'END_OF_RESPONDER'
${responderSource()}END_OF_RESPONDER
}
`

/** Functions that the lines for these containers call; nothing when there are none. */
export function shellPrelude(specs: readonly ProcessSpec[]): string {
  return (specs.some(isCommand) ? containerFunction : '') + (specs.every(isCommand) ? '' : responderFunction())
}

/** The lines that start one container; its output goes to `logDir`, which the script has made. */
export function shellLines(spec: ProcessSpec, logDir: string): string[] {
  if (!isCommand(spec)) {
    return [['netlab_responder', spec.ns, hostname(spec), spec.pod, ...portArguments(spec)].map(quote).join(' ')]
  }
  const variables = Object.entries(ownVariables(spec)).map(([name, value]) => `${quote(name)}=${quote(value)}`)
  // env takes a word with "=" for a variable, be it meant as the program.
  const command = spec.command[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh', ...spec.command] : spec.command
  const place = [spec.ns, hostname(spec), join(logDir, `${spec.id}.log`)].map(quote)
  const line = ['netlab_container', ...place, ...variables, ...command.map(quote)].join(' ')
  const doubts = [...(/[$`]/.test(line) ? ['SC2016'] : []), ...(command.some((word) => /\\('|$)/.test(word)) ? ['SC1003'] : [])]
  return doubts.length > 0 ? [`# shellcheck disable=${doubts.join(',')} # meant for the program`, line] : [line]
}

function isCommand(spec: ProcessSpec): spec is ProcessSpec & { readonly command: readonly string[] } {
  return spec.command !== undefined
}
