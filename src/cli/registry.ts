/** Every command, in the order of the help. A new one is a file and a line here. */
import type { CommandDefinition } from './command.ts'
import bench from './commands/bench/bench.ts'
import down from './commands/lab/down.ts'
import inspect from './commands/lab/inspect.ts'
import ls from './commands/lab/ls.ts'
import status from './commands/lab/status.ts'
import up from './commands/lab/up.ts'
import capture from './commands/nodes/capture.ts'
import exec from './commands/nodes/exec.ts'
import logs from './commands/nodes/logs.ts'
import shell from './commands/nodes/shell.ts'
import policy from './commands/policy/policy.ts'
import ci from './commands/test/ci.ts'
import test from './commands/test/test.ts'
import completion, { complete } from './commands/tools/completion.ts'
import doctor from './commands/tools/doctor.ts'
import graph from './commands/topology/graph.ts'
import init from './commands/topology/init.ts'
import plan from './commands/topology/plan.ts'
import schema from './commands/topology/schema.ts'
import trace from './commands/trace/trace.ts'

export const commands: readonly CommandDefinition[] = [
  up,
  plan,
  down,
  ls,
  inspect,
  status,
  exec,
  shell,
  logs,
  trace,
  test,
  ci,
  bench,
  capture,
  policy,
  graph,
  doctor,
  init,
  schema,
  completion,
  complete,
]
