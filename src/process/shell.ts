/**
 * The same containers and daemons without netlab: lines for the POSIX shell script that `netlab plan` prints. They need
 * util-linux (nsenter, unshare, setsid), hostname, for responders perl and for daemons awk, and write no records: what
 * they start is found and ended by its namespace (`ip netns pids NAME`).
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Daemon, DaemonFile } from '../kernel/objects.ts'
import { TOOL_PACKAGES } from '../kernel/features/packages.ts'
import { quote } from '../kernel/script.ts'
import { readyTest } from './readiness.ts'
import { commandOf, daemonDirectory, hostname, inherited, ownVariables, portArguments, type ProcessSpec } from './spec.ts'
import { NETNS_DIR } from '../netns/paths.ts'

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
  setsid nsenter --net="${NETNS_DIR}/$netns" unshare --mount --propagation slave --uts sh -c '
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
  nsenter --net="${NETNS_DIR}/$netns" unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' \\
    sh "$hostname" perl -e "$(netlab_responder_source)" -- --detach "$@"
)
netlab_responder_source() {
  cat <<'END_OF_RESPONDER'
${responderSource()}END_OF_RESPONDER
}
`

const daemonFunction = `\
# netlab_daemon NAME NETNS HOSTNAME DIRECTORY LOG TEST [NAME=VALUE ...] COMMAND ...: starts a program in the network of
# its node and in a directory that only root can read, and returns when TEST succeeds there twice, 0.1 s
# apart. Says what the program said if it ends before that, or takes longer than 15 seconds.
netlab_daemon() {
  name=$1 netns=$2 hostname=$3 directory=$4 log=$5 test=$6
  shift 6
  (umask 077 && : >>"$log")
  rm -f "$directory/.pid"
  # shellcheck disable=SC2016 # the inner shell expands it
  netlab_container "$netns" "$hostname" "$log" "HOSTNAME=$hostname" sh -c '
    umask 077 && cd "$1" && shift && echo $$ >.pid && exec "$@"
  ' sh "$directory" "$@"
  tries=0 ready=0
  while [ $ready -lt 2 ]; do
    pid=$(cat "$directory/.pid" 2>/dev/null || :)
    if [ $tries -gt 150 ] || { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; }; then
      tail -n 6 "$log" >&2
      echo "$name is not ready" >&2
      exit 1
    fi
    # shellcheck disable=SC2016 # the inner shell expands it
    if nsenter --net="${NETNS_DIR}/$netns" sh -c 'cd "$1" && eval "$2"' sh "$directory" "$test" >/dev/null 2>&1; then
      ready=$((ready + 1))
    else
      ready=0
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
`

/** Programs that the lines for these containers and daemons need. */
export function shellTools(specs: readonly ProcessSpec[]): string[] {
  const daemons = specs.filter((spec) => spec.kind === 'daemon')
  // A shell or another program may start the daemon in turn.
  const own = daemons.flatMap((daemon) => [
    ...(daemon.capabilities ? ['setpriv'] : []),
    ...daemon.command.filter((word, i) => i === 0 || word in TOOL_PACKAGES),
  ])
  return [
    ...new Set([
      'setsid',
      'unshare',
      ...(daemons.length < specs.length ? ['perl'] : []),
      ...(daemons.length > 0 ? ['awk', 'tail', ...own] : []),
    ]),
  ]
}

/** How many lines make a file worth a function of its own where several daemons have it. */
const LONG = 20

/** Files that several daemons have alike, such as their program: the name of the function that prints each, by its content. */
function sharedFiles(specs: readonly ProcessSpec[]): ReadonlyMap<string, string> {
  const owners = new Map<string, DaemonFile[]>()
  for (const spec of specs)
    if (spec.kind === 'daemon')
      for (const file of spec.files)
        if (hereDocument(file.content) !== undefined && file.content.split('\n').length > LONG)
          owners.set(file.content, [...(owners.get(file.content) ?? []), file])
  const shared = [...owners].filter(([, files]) => files.length > 1)
  return new Map(shared.map(([content], i) => [content, `netlab_file_${i + 1}`]))
}

/** Functions that the lines for these containers and daemons call; nothing when there are none. */
export function shellPrelude(specs: readonly ProcessSpec[]): string {
  return (
    (specs.every(isResponder) ? '' : containerFunction) +
    (specs.some((spec) => spec.kind === 'daemon') ? daemonFunction : '') +
    [...sharedFiles(specs)].map(([content, name]) => sharedFunction(name, content)).join('') +
    (specs.some(isResponder) ? responderFunction() : '')
  )
}

const sharedFunction = (name: string, content: string): string =>
  [`# ${name}: a file that several daemons have.`, `${name}() {`, `  cat <<'${END_OF_FILE}'`, ...hereDocument(content)!, '}', '', ''].join(
    '\n',
  )

/**
 * The lines that start one container or daemon; files and output go to `dir`, which the script has made.
 * @param specs all of the script, for which {@link shellPrelude} was made
 */
export function shellLines(spec: ProcessSpec, dir: string, specs: readonly ProcessSpec[] = [spec]): string[] {
  if (spec.kind === 'daemon') return daemonLines(spec, dir, sharedFiles(specs))
  if (spec.command === undefined) {
    return [['netlab_responder', spec.ns, hostname(spec), spec.pod, ...portArguments(spec)].map(quote).join(' ')]
  }
  const variables = Object.entries(ownVariables(spec)).map(([name, value]) => `${quote(name)}=${quote(value)}`)
  // env takes a word with "=" for a variable, be it meant as the program.
  const command = spec.command[0]?.includes('=') ? ['sh', '-c', 'exec "$@"', 'sh', ...spec.command] : spec.command
  const place = [spec.ns, hostname(spec), logFile(dir, spec)].map(quote)
  return checked(['netlab_container', ...place, ...variables, ...command.map(quote)].join(' '), command)
}

const logFile = (dir: string, spec: ProcessSpec): string => join(dir, `${spec.id}.log`)

/** A line, and before it what shellcheck would take for mistakes in it. @param words of it that are quoted */
function checked(line: string, words: readonly string[]): string[] {
  const doubts = [...(/[$`]/.test(line) ? ['SC2016'] : []), ...(words.some((word) => /\\('|$)/.test(word)) ? ['SC1003'] : [])]
  return doubts.length > 0 ? [`# shellcheck disable=${doubts.join(',')} # meant for the program`, line] : [line]
}

function daemonLines(daemon: Daemon, dir: string, shared: ReadonlyMap<string, string>): string[] {
  const directory = daemonDirectory(dir, daemon.id)
  const made = new Set([directory, ...daemon.files.map((file) => dirname(join(directory, file.path)))])
  const place = [`${daemon.program} on ${daemon.node}`, daemon.ns, hostname(daemon), directory, logFile(dir, daemon)]
  const words = [...place, readyTest(daemon.ready), ...commandOf(daemon)]
  return [
    `(umask 077 && mkdir -p ${[...made].map(quote).join(' ')})`,
    ...daemon.files.flatMap((file) => fileLines(join(directory, file.path), file, shared.get(file.content))),
    ...checked(['netlab_daemon', ...words.map(quote)].join(' '), words),
  ]
}

const END_OF_FILE = 'END_OF_FILE'

/** A text as a here-document, from its first line to the word that ends it; undefined: it cannot be one. */
function hereDocument(content: string): string[] | undefined {
  const lines = content.split('\n')
  return lines.pop() === '' && !lines.includes(END_OF_FILE) ? [...lines, END_OF_FILE] : undefined
}

/** Writes a file; its content stands as it is, unless a here-document cannot hold it. @param print function that prints it */
function fileLines(path: string, { content, mode }: DaemonFile, print: string | undefined): string[] {
  const here = hereDocument(content)
  return [
    ...(print !== undefined
      ? [`${print} >${quote(path)}`]
      : here
        ? [`cat >${quote(path)} <<'${END_OF_FILE}'`, ...here]
        : checked(`printf %s ${quote(content)} >${quote(path)}`, [content])),
    `chmod ${mode ?? '0600'} ${quote(path)}`,
  ]
}

const isResponder = (spec: ProcessSpec): boolean => spec.kind !== 'daemon' && spec.command === undefined
