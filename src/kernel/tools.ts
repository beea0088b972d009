/** The tools that change a namespace: how each is started and how it wants its lines. */

/** Every tool, in the order in which they run within a namespace and stage: settings, then devices and routes, then rules. */
export const TOOLS = [
  'sysctl',
  'ip',
  'ip -6',
  'bridge',
  'ipset',
  'iptables-restore',
  'ip6tables-restore',
  'wg',
  'reload',
  'process',
] as const
export type Tool = (typeof TOOLS)[number]

/**
 * The command that reads the batch on standard input. `--wait`: iptables-legacy has one lock for the whole machine.
 * `sysctl`, `reload` and `process` have none: see apply and script. Lines of `wg` are a shell's, because keys are in files; they
 * begin in the directory of the lab's daemons ({@link inDirectory}).
 */
export const toolArgv: Readonly<Record<Exclude<Tool, 'sysctl' | 'reload' | 'process'>, readonly string[]>> = {
  ip: ['ip', '-batch', '-'],
  'ip -6': ['ip', '-6', '-batch', '-'],
  bridge: ['bridge', '-batch', '-'],
  ipset: ['ipset', 'restore'],
  'iptables-restore': ['iptables-restore', '--noflush', '--wait=10'],
  'ip6tables-restore': ['ip6tables-restore', '--noflush', '--wait=10'],
  wg: ['sh', '-e'],
}

/** Directory of keys, beside the directories of daemons. */
export const KEYS = 'keys'

/** What comes before the lines of a batch that has to do with files of the lab. Only root may read what these lines make. */
export const inDirectory = (tool: Tool, directory: string): string[] =>
  tool === 'wg' ? [`mkdir -p ${directory} && cd ${directory} && umask 077 && mkdir -p ${KEYS}`] : []

interface SectionLine {
  readonly text: string
  readonly note?: string | undefined
  /** Table of iptables. */
  readonly section?: string
}

/** `iptables-restore` wants `*table … COMMIT`; chains before the rules that jump to them, and gone after. */
function byTable<L extends SectionLine>(lines: readonly L[]): L[] {
  const tables = new Map<string, L[]>()
  for (const line of lines) {
    const group = tables.get(line.section ?? '')
    if (group) group.push(line)
    else tables.set(line.section ?? '', [line])
  }
  return [...tables].flatMap(([table, group]) => {
    const starts = (...marks: string[]): L[] => group.filter((l) => marks.some((m) => l.text.startsWith(m)))
    const edge = (text: string, like: L): L => ({ ...like, text, note: undefined })
    return [edge(`*${table}`, group[0]!), ...starts(':'), ...starts('-F'), ...starts('-A'), ...starts('-X'), edge('COMMIT', group.at(-1)!)]
  })
}

/** Lines as the tool wants them. */
export const arranged = <L extends SectionLine>(tool: Tool, lines: readonly L[]): readonly L[] =>
  tool.endsWith('tables-restore') ? byTable(lines) : lines
