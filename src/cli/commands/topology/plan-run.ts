/** `netlab plan`: the commands as a script, or the kernel objects as JSON. */
import { diff } from '../../../kernel/diff.ts'
import { render } from '../../../kernel/render.ts'
import { quote, script, type ContainerScript } from '../../../kernel/script.ts'
import { learnedAmong } from '../../../kernel/kinds/learned.ts'
import type { Daemon, KernelObject, Process } from '../../../kernel/objects.ts'
import { shellLines, shellPrelude, shellTools } from '../../../process/shell.ts'
import { presetText } from '../../../report/lab/preset.ts'
import { outwardJson, visible } from '../../../report/formats/visible.ts'
import { writeExact } from '../../../report/formats/terminal.ts'
import { compileFile } from '../../topology-file.ts'
import { warn } from '../../warn.ts'
import { plural } from '../../../plural.ts'
import { scriptDir } from '../../../netns/paths.ts'

interface PlanOptions {
  readonly force?: true
  readonly strict?: true
  readonly down?: true
  readonly json?: true
}

const isProcess = (o: KernelObject): o is Process | Daemon => o.kind === 'process' || o.kind === 'daemon'

function containersFor(objects: readonly KernelObject[], lab: string): ContainerScript {
  const processes = objects.filter(isProcess)
  const dir = scriptDir(lab)
  return {
    directory: dir,
    prelude: () => `${shellPrelude(processes)}mkdir -p ${dir}\n`,
    tools: shellTools(processes),
    lines: (object) => shellLines(object as Process | Daemon, dir, processes),
  }
}

function* jsonList(objects: readonly KernelObject[]): Generator<string> {
  yield '{\n  "objects": ['
  let first = true
  for (const o of objects) {
    yield `${first ? '' : ','}\n    ${outwardJson(JSON.stringify(o))}`
    first = false
  }
  yield '\n  ]\n}\n'
}

/** Collects small pieces into large writes: a lab of ten thousand pods has hundreds of thousands of lines. */
function* large(chunks: Iterable<string>): Generator<string> {
  let buffer = ''
  for (const chunk of chunks) {
    buffer += chunk
    if (buffer.length > 1 << 18) {
      yield buffer
      buffer = ''
    }
  }
  if (buffer) yield buffer
}

export async function plan(file: string, options: PlanOptions): Promise<void> {
  const { compiled, warnings } = await compileFile(file, options)
  warn(warnings, file)
  const { lab, objects } = compiled
  if (options.json) return writeExact(large(jsonList(objects)))
  if (options.down) return writeExact(large(removal(lab.name, objects)))
  // A line break in the file's name would end the comment it stands in.
  const name = visible(file)
  const header = [
    `Builds the lab "${lab.name}" of ${name}: ${plural(lab.hosts.length, 'host')}, ${plural(lab.pods.length, 'pod')}, backend ${lab.backend.type}, attach ${lab.attach.type}.`,
    ...(lab.preset ? [`Preset ${visible(presetText(lab.preset))}.`] : []),
    'The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands',
    'without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.',
    '',
    `To remove it again: netlab plan ${quote(name)} --down | sudo sh`,
  ]
  return writeExact(large(wholeScript(objects, header, lab.name)))
}

/** Waits for routes that daemons bring about, as `up` does. */
const learnedFunction = `
# Learned: routes that daemons bring about. There is nothing to make; wait up to 60 s for each.
# netlab_learned DAEMON IP-ARGUMENT ...: returns when "ip IP-ARGUMENT ..." shows a route.
netlab_learned() {
  by=$1 tries=0
  shift
  while [ -z "$(ip "$@" 2>/dev/null)" ]; do
    if [ $tries -gt 600 ]; then
      echo "$by has not brought about what this shows: ip $*" >&2
      exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
`

/** The script that makes the objects, and at its end waits for what daemons bring about. */
export function* wholeScript(objects: readonly KernelObject[], header: readonly string[], lab: string): Generator<string> {
  yield* script(render(diff([], objects)), header, containersFor(objects, lab))
  const learned = learnedAmong(objects)
  if (learned.length === 0) return
  yield learnedFunction
  for (const o of learned) {
    const route = [o.by, '-n', o.ns, `-${o.family}`, 'route', 'show', o.dst, 'proto', o.protocol]
    yield `netlab_learned ${[...route, ...(o.table === undefined ? [] : ['table', String(o.table)])].map(quote).join(' ')}\n`
  }
}

/** Ends what runs in the namespaces, then deletes them; everything else lives in them and goes along. */
function* removal(lab: string, objects: readonly KernelObject[]): Generator<string> {
  yield `#!/bin/sh\n# Removes the lab "${lab}": its processes, then its namespaces with everything in them.\nset -u\n`
  if (objects.some(isProcess)) {
    yield 'stop() {\n  # shellcheck disable=SC2046 # one word a process\n  set -- $(ip netns pids "$1" 2>/dev/null)\n  [ $# -eq 0 ] || kill -9 "$@"\n}\n'
    for (const ns of new Set(objects.flatMap((o) => (isProcess(o) ? [o.ns] : [])))) yield `stop ${ns}\n`
    yield `rm -rf ${scriptDir(lab)}\n`
  }
  yield "ip -force -batch - <<'EOF'\n"
  for (const o of objects) if (o.kind === 'netns') yield `netns delete ${o.ns}\n`
  yield 'EOF\n'
}
