/** Finished tests, by hand: what the reporters are asked to show. */
import type { Outcome } from '../../../src/report/trace/outcome.ts'
import type { Cell, Check, TestRun } from '../../../src/verify/check.ts'

export const FILE = '/repo/labs/shop.yaml'

const actors = ['visitor', 'shop/web', 'shop/db']
const allowed = (to: string, port: string): boolean => port === '80/tcp' && to === 'shop/web'

/** Everyone reaches shop/web on 80/tcp and nothing else; but the visitor gets through to shop/db on 5432/tcp. */
export const cells: readonly Cell[] = ['80/tcp', '5432/tcp', '9/tcp', 'icmp'].flatMap((port) =>
  actors.flatMap((from) =>
    actors
      .filter((to) => to !== from)
      .map((to): Cell => {
        const expected = allowed(to, port) ? 'allow' : 'deny'
        const leaks = from === 'visitor' && to === 'shop/db' && port === '5432/tcp'
        return { from, to, port, family: 4, expected, measured: leaks ? 'allow' : expected }
      }),
  ),
)

export const leak: Check = {
  id: 'policy-denies',
  group: 'policy',
  title: 'what policies deny does not arrive',
  status: 'failed',
  from: 'visitor',
  to: 'shop/db',
  port: '5432/tcp',
  detail: 'shop/db answered, although policy shop/db-only isolates it',
  source: { path: 'policies.shop/db-only', line: 31, column: 3 },
  tested: 1,
  reproduce: ['trace', 'visitor', 'shop/db', '--port', '5432/tcp'],
}

export const checks: readonly Check[] = [
  { id: 'pods-reach-pods', group: 'model', title: 'pods reach pods without NAT', status: 'passed', tested: 12 },
  { id: 'wire', group: 'model', title: 'packets have the headers of vxlan', status: 'skipped', detail: 'tcpdump is missing', tested: 0 },
  leak,
  { id: 'policy-allows', group: 'policy', title: 'what policies allow arrives', status: 'passed', tested: 5 },
  {
    id: 'expect-1',
    group: 'expect',
    title: 'visitor reaches shop/web',
    status: 'passed',
    from: 'visitor',
    to: 'shop/web',
    port: '80/tcp',
    tested: 1,
    source: { path: 'expect[0]', line: 45, column: 5, file: '/repo/labs/k8s/expect.yaml' },
  },
]

export const run: TestRun = {
  lab: 'shop',
  file: FILE,
  repair: `netlab up ${FILE}`,
  checks,
  cells,
  untested: ['9 000 of 9 900 pairs: --sample 900'],
  tookMs: 3120,
}

const lost = (id: string, from: string, to: string, cause: Check['cause']): Check => ({
  id,
  group: 'model',
  title: `title of ${id}`,
  status: 'failed',
  from,
  to,
  port: 'icmp',
  detail: 'no answer within 1.5 s',
  tested: 9,
  reproduce: ['trace', from, to],
  ...(cause ? { cause } : {}),
})

/** One missing entry, from which two failures follow, which may be the cause of one, and has nothing to do with another. */
export const drifted: TestRun = {
  ...run,
  untested: [],
  checks: [
    lost('pods-reach-pods', 'a', 'b', { differences: [1], isKnown: true }),
    lost('no-loss', 'b', 'a', { differences: [1], isKnown: true }),
    lost('pods-reach-pods', 'a', 'c', { differences: [0, 1], isKnown: false }),
    leak,
  ],
  drift: [
    { state: 'changed', object: 'route x in shop.node-1', node: 'node-1', details: ['via is y'] },
    {
      state: 'missing',
      object: 'FDB entry 02:06 on vxlan1 in shop.node-1',
      node: 'node-1',
      details: [],
      source: '/repo/labs/shop.yaml:2',
      repair: true,
    },
  ],
}

export const outcome = (over: Partial<Outcome> = {}): Outcome => ({
  file: FILE,
  lab: 'shop',
  status: 'failed',
  exit: 1,
  diagnostics: [],
  run,
  kinds: [],
  properties: { backend: 'vxlan', attach: 'bridge' },
  tookMs: 4000,
  upMs: 350,
  traces: ['/repo/traces/shop-1.html'],
  ...over,
})

/** A topology that could not be built. */
export const wrong = outcome({
  file: '/repo/labs/wrong.yaml',
  lab: 'wrong',
  status: 'error',
  exit: 2,
  diagnostics: [
    {
      code: 'unknown-key',
      severity: 'error',
      message: 'unknown key "hostz"',
      file: '/repo/labs/wrong.yaml',
      line: 3,
      column: 1,
      hint: 'did you mean "hosts"?',
    },
  ],
  run: undefined as never,
  traces: [],
})

export const cannot = outcome({
  file: '/repo/labs/gre.yaml',
  lab: 'gre',
  status: 'skipped',
  exit: 3,
  diagnostics: [{ code: 'feature-missing', severity: 'error', message: 'this kernel cannot do gre: Operation not supported' }],
  run: undefined as never,
  traces: [],
})

/** Everything a terminal, XML, Markdown, HTML or a workflow command could take for its own. */
export const HOSTILE =
  'a<b>&"\'|`*_[x](y) ]]> %0A ::error::x \u001b[31m\u0000\u0007 \u009b \ud800 \ufffe é 漢 🐙 \u202e, line\r\nend: <script>alert(1)</script> <!-- -->'
