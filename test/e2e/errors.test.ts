/** How netlab refuses: exit code, place, hint, as text and as JSON; and nothing has been made. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ownMachine, unable } from '../support/machine.ts'
import { bin } from '../support/root.ts'
import { netlab, run, told, type Run } from '../support/run.ts'
import { machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

const GOOD = 'hosts: { node-1: {}, node-2: {} }\npods: { a: {}, b: {} }\n'
const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
const write = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

interface ErrorDocument {
  readonly errors: readonly {
    code: string
    message: string
    file: string | null
    line: number | null
    column: number | null
    hint: string | null
  }[]
}
const parse = (result: Run): ErrorDocument['errors'] => {
  const { errors } = JSON.parse(result.stdout) as ErrorDocument
  for (const e of errors) {
    assert.deepEqual(Object.keys(e), ['code', 'message', 'file', 'line', 'column', 'hint'])
    assert.ok(e.code && e.message)
  }
  return errors
}

const anchors = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const bomb = anchors
  .map((name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => (i ? `*${anchors[i - 1]}` : 'x')).join(', ')}]`)
  .join('\n')

/** Content, and the errors it must give: `line code`, and after `?` words of the hint. */
const BAD: readonly (readonly [what: string, content: string | Buffer, ...errors: string[]])[] = [
  ['syntax', 'hosts: { node-1: {}\npods: [a\n', '2 yaml-syntax', '3 yaml-syntax'],
  ['a key given twice', 'hosts:\n  n1: {}\n  n1: {}\npods: { a: {} }\n', '3 duplicate-key'],
  ['unknown keys', 'hosts: { n1: { sgment: x } }\npods: { a: {} }\nnetwok: {}\n', '1 unknown-key ? `segment`', '3 unknown-key ? `network`'],
  ['wrong types', 'hosts: { n1: { mtu: "big" } }\npods: [a]\nexpect: yes\n', '1 wrong-type', '2 wrong-type', '3 wrong-type'],
  ['an unknown backend', `network: { backend: vxlam }\n${GOOD}`, '1 unknown-backend ? `vxlan`'],
  ['an unknown attach module', `network: { attach: brigde }\n${GOOD}`, '1 unknown-attach ? `bridge`'],
  ['an unknown host', 'hosts: { node-1: {} }\npods:\n  a: { host: nod-1 }\n', '3 unknown-host ? "node-1"'],
  ['an unknown segment', 'hosts: { n1: { segment: lam } }\npods: { a: {} }\n', '1 unknown-segment ? "lan"'],
  ['networks that overlap', `network: { podCIDR: 192.168.0.0/16 }\n${GOOD}`, '1 networks-overlap'],
  ['a network too small', `network: { podCIDR: 10.0.0.0/24 }\n${GOOD}`, '1 network-too-small'],
  ['a block too small', `network: { hostPrefix: 30 }\n${GOOD.replace('a: {}', 'a: { replicas: 9 }')}`, '3 network-too-small'],
  [
    'addresses outside and taken',
    'hosts: { n1: { address: 10.0.0.1 } }\npods:\n  a: { ip: 10.9.0.1 }\n  b: { ip: 10.244.0.5 }\n  c: { ip: 10.244.0.5 }\n',
    '1 address-outside-network',
    '3 address-outside-network',
    '5 address-taken',
  ],
  [
    'names',
    `hosts: { Node_1: {} }\npods:\n  a/b/c: {}\n  ${'a'.repeat(254)}: {}\n`,
    '1 invalid-name ? `node-1`',
    '3 invalid-name',
    '4 invalid-name',
  ],
  ['too many replicas', 'hosts: { n1: {} }\npods:\n  a: { replicas: 70000 }\n', '3 out-of-range'],
  ['IPv6 over ipip', `network: { backend: ipip, podCIDR: "fd00::/48" }\n${GOOD}`, '1 ipip-carries-no-ipv6'],
  [
    'direct across segments',
    `network: { backend: direct }\nunderlay: { segments: { x: 10.1.0.0/24, y: 10.2.0.0/24 } }\n${GOOD}`,
    '1 direct-across-segments ? --force',
  ],
  ['an empty file', '', '1 empty-file'],
  ['a binary file', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 255, 254, 0]), '- file-not-text'],
  ['an alias bomb', `${bomb}\nhosts: *g\npods: {}\n`, '7 too-many-aliases'],
]

describe('a bad file', { skip: unable }, () => {
  let untouched: Snapshot
  before(async () => {
    untouched = await machineSnapshot()
  })

  for (const [what, content, ...expected] of BAD) {
    test(what, async () => {
      const file = write('bad.yaml', content)
      const json = await netlab(['up', file, '--json'])
      assert.equal(json.code, 2, told(json))
      const found = parse(json)
      const text = await netlab(['plan', file])
      assert.deepEqual([text.code, text.stdout], [2, ''])
      assert.doesNotMatch(text.stderr, /\n {4}at |node:internal/, 'a stack trace is for bugs')
      for (const line of expected) {
        const [words = '', hint = ''] = line.split(' ? ')
        const [place, code] = words.split(' ')
        const error = found.find((e) => e.code === code && String(e.line ?? '-') === place && (place === '-' || e.column! > 0))
        assert.ok(error, `not said: ${line}\nbut ${JSON.stringify(found, null, 1)}`)
        assert.equal(error.file, file)
        assert.ok((error.hint ?? '').includes(hint), `the hint is: ${error.hint}`)
        assert.ok(text.stderr.includes(`[${code}]`) && text.stderr.includes(place === '-' ? file : `${file}:${place}:`), text.stderr)
      }
    })
  }

  for (const [what, path, code] of [
    ['that is missing', 'no-such.yaml', 'file-not-found'],
    ['that is a directory', 'folder', 'file-unreadable'],
  ] as const) {
    test(what, async () => {
      mkdirSync(join(dir, 'folder'), { recursive: true })
      const result = await netlab(['up', join(dir, path), '--json'])
      assert.equal(result.code, 2, told(result))
      assert.deepEqual(
        parse(result).map((e) => e.code),
        [code],
      )
    })
  }

  test('leaves nothing behind', async () => {
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  })
})

describe('a bad command line', { skip: unable }, () => {
  for (const args of [
    ['upp'],
    ['up'],
    ['up', 'a', 'b'],
    ['up', '--nonsense', 'x.yaml'],
    ['exec', 'pod'],
    ['completion', 'tcsh'],
    ['graph', '--format', 'oil'],
  ]) {
    test(`netlab ${args.join(' ')}`, async () => {
      const result = await netlab(args)
      assert.deepEqual([result.code, result.stdout], [2, ''], told(result))
      assert.match(result.stderr, /error/)
      assert.doesNotMatch(result.stderr, /\n {4}at /)
    })
  }
  test('with --json, the error is one document', async () => {
    const result = await netlab(['up', '--json'])
    assert.equal(result.code, 2)
    assert.match((JSON.parse(result.stdout) as ErrorDocument).errors[0]!.message, /missing required argument/)
  })
})

describe('a machine that lacks something', { skip: unable }, () => {
  const good = write('good.yaml', GOOD)
  after(() => rmSync(dir, { recursive: true, force: true }))

  const asNobody = (args: string[]): Promise<Run> =>
    run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, bin, ...args], { env: { HOME: '/' } })
  const hiding = (program: string, args: string[]): Promise<Run> =>
    run(['unshare', '--mount', 'sh', '-ec', HIDE, 'sh', program, process.execPath, bin, ...args])
  // All programs but one, wherever they lie; links to links stay what they were.
  const HIDE = `
    program=$1
    shift
    mount -t tmpfs none /mnt
    for dir in /usr/sbin /usr/bin /usr/local/sbin; do
      [ -e "$dir/$program" ] || continue
      mkdir -p "/mnt/real$dir" "/mnt/fake$dir"
      mount --bind "$dir" "/mnt/real$dir"
      ln -s "/mnt/real$dir"/* "/mnt/fake$dir/"
      rm "/mnt/fake$dir/$program"
      mount --bind "/mnt/fake$dir" "$dir"
    done
    exec "$@"`

  test('who is not root is told so, and nothing is made', async () => {
    chmodSync(dir, 0o755)
    const before = await machineSnapshot()
    for (const args of [
      ['up', good],
      ['down', 'x'],
    ]) {
      const result = await asNobody([...args, '--json'])
      assert.equal(result.code, 3, told(result))
      const [error] = parse(result)
      assert.equal(error!.code, 'not-root')
      assert.match(error!.hint!, /sudo/)
    }
    assert.deepEqual(await settledSnapshot(before), before)
  })

  test('who is not root can still look at things', async () => {
    for (const args of [['plan', good], ['graph', good], ['schema'], ['ls'], ['--version'], ['--help'], ['completion', 'bash']]) {
      const result = await asNobody(args)
      assert.equal(result.code, 0, told(result))
      assert.notEqual(result.stdout, '')
    }
  })

  test('a bad file is a bad file for everyone', async () => {
    assert.equal((await asNobody(['up', write('bad.yaml', 'hosts: 1\n')])).code, 2)
  })

  for (const [program, packaged, file = good] of [
    ['bridge', 'iproute2'],
    ['iptables-restore', 'iptables'],
    ['iptables-save', 'iptables'],
    ['nsenter', 'util-linux'],
    [
      'wireguard-go',
      'wireguard-go',
      write('wireguard.yaml', `network: { backend: { type: wireguard, implementation: user-space } }\n${GOOD}`),
    ],
  ] as const) {
    test(`without ${program}: which package has it, and nothing is made`, async () => {
      const before = await machineSnapshot()
      const result = await hiding(program, ['up', file, '--json'])
      assert.equal(result.code, 3, told(result))
      const errors = parse(result)
      assert.deepEqual(
        errors.map((e) => e.code),
        ['tool-missing'],
      )
      assert.match(errors[0]!.message, new RegExp(`\\b${program}\\b`))
      assert.match(errors[0]!.hint!, new RegExp(`apt-get install .*${packaged}`))
      assert.deepEqual(await settledSnapshot(before), before)
    })
  }

  test('a kernel without a device: exit 3, says what and how to get it', async (t) => {
    const tried = await run(['unshare', '--net', 'ip', 'link', 'add', 'try0', 'type', 'gre', 'local', '127.0.0.1'])
    if (tried.code === 0) return t.skip('this kernel has gre')
    const result = await netlab(['up', write('gre.yaml', `network: { backend: gre }\n${GOOD}`), '--json'])
    assert.equal(result.code, 3, told(result))
    assert.deepEqual(
      parse(result).map((e) => e.code),
      ['feature-missing'],
    )
    assert.match(parse(result)[0]!.message, /gre/)
    assert.match(parse(result)[0]!.hint!, /ip_gre/)
  })
})
