/** What WireGuard devices say of their keys and peers. Private keys are read here and go no further: what comes out are names of hosts. */
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AskWireguard, WireguardDevice, WireguardPeer, WireguardState } from '../../kernel/objects.ts'
import { KEYS } from '../../kernel/tools.ts'
import { netnsFile } from '../../netns/paths.ts'
import { daemonDirectory } from '../spec.ts'

/** Longest wait for a device, milliseconds: a program that was stopped by a signal does not answer. */
const patience = 1500

const NONE = '(none)'

const NO_KEY = 'no key'

/** The lines of `wg show DEVICE dump` (wg(8)) as their words: of the device, and of its peers. */
const linesOf = (text: string): string[][] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))

/** What `wg show DEVICE dump` prints; undefined: no key, and no peers. @param names of hosts, by public key */
export function readDump(text: string, names: ReadonlyMap<string, string>): WireguardState | undefined {
  const [own = [], ...peers] = linesOf(text)
  const [, publicKey = NONE, port] = own
  if (publicKey === NONE && peers.length === 0) return undefined
  return {
    key: publicKey === NONE ? NO_KEY : (names.get(publicKey) ?? 'a key that is none of the lab'),
    port: Number(port),
    peers: Object.fromEntries(
      peers.map(([key = '', preshared = NONE, endpoint = NONE, allowed = NONE, , , , keepalive = 'off']): [string, WireguardPeer] => [
        names.get(key) ?? key,
        {
          ...(endpoint === NONE ? {} : { endpoint }),
          allowedIPs: allowed === NONE ? [] : allowed.split(',').toSorted(),
          ...(keepalive === 'off' ? {} : { keepalive }),
          ...(preshared === NONE ? {} : { preshared: true as const }),
        },
      ]),
    ),
  }
}

/** Names of hosts by their public keys, as they are on record. */
function keysOnRecord(dir: string): Map<string, string> {
  const names = new Map<string, string>()
  const keys = join(dir, KEYS)
  try {
    for (const file of readdirSync(keys))
      if (file.endsWith('.pub')) names.set(readFileSync(join(keys, file), 'latin1').trim(), file.slice(0, -'.pub'.length))
  } catch {
    // No host has one yet.
  }
  return names
}

/** What is wrong with the file of a private key, if anything. */
function fileTrouble(dir: string, name: string): string | undefined {
  const stat = statSync(join(dir, KEYS, `${name}.key`), { throwIfNoEntry: false })
  if (!stat) return 'a key that is on record nowhere'
  return (stat.mode & 0o077) === 0 ? undefined : 'a key whose file others may read'
}

/** Runs `wg` where it finds a device. @returns what it printed; undefined when it failed or took too long */
export function runWg(dir: string, { ns, program }: WireguardDevice, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('nsenter', [`--net=${netnsFile(ns)}`, '--', ...(program ? ['sh', program.control] : []), 'wg', ...words], {
      cwd: program ? daemonDirectory(dir, program.daemon) : dir,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: patience,
      killSignal: 'SIGKILL',
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()))
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 ? output : undefined))
  })
}

const dump = (dir: string, device: WireguardDevice): Promise<string | undefined> => runWg(dir, device, ['show', device.dev, 'dump'])

/** @param dir where daemons and keys are on record */
export const askWireguard =
  (dir: string): AskWireguard =>
  async (devices) => {
    const names = keysOnRecord(dir)
    const found = await Promise.all(
      devices.map(async (device): Promise<[WireguardDevice, WireguardState][]> => {
        const text = await dump(dir, device)
        const state = text === undefined ? undefined : readDump(text, names)
        if (!state) return []
        const trouble = state.key === device.key ? fileTrouble(dir, device.key) : undefined
        return [[device, trouble === undefined ? state : { ...state, key: trouble }]]
      }),
    )
    return new Map(found.flat())
  }

/** When handshakes with peers were last finished, seconds since 1970, by the names of hosts; 0: never. */
export type Handshakes = ReadonlyMap<string, number>

/** Handshakes in what `wg show DEVICE dump` prints. @param names of hosts, by public key */
export const handshakesIn = (text: string, names: ReadonlyMap<string, string>): Handshakes =>
  new Map(
    linesOf(text)
      .slice(1)
      .flatMap(([key = '', , , , latest = '']) => (names.has(key) ? [[names.get(key)!, Number(latest)] as const] : [])),
  )

/** Handshakes of devices. Nothing comes of one that does not answer, or has another key than its host's. */
export async function handshakesOf<D extends WireguardDevice>(dir: string, devices: readonly D[]): Promise<ReadonlyMap<D, Handshakes>> {
  const names = keysOnRecord(dir)
  const found = await Promise.all(
    devices.map(async (device): Promise<[D, Handshakes][]> => {
      const text = await dump(dir, device)
      return text !== undefined && readDump(text, names)?.key === device.key ? [[device, handshakesIn(text, names)]] : []
    }),
  )
  return new Map(found.flat())
}

/** Has a device begin handshakes with hosts: when it is told to keep a session alive, it sends an empty packet at once. */
export async function beginHandshakes(dir: string, device: WireguardDevice, hosts: readonly string[]): Promise<void> {
  const keys = new Map([...keysOnRecord(dir)].map(([key, name]) => [name, key]))
  const known = hosts.filter((host) => keys.has(host))
  for (const interval of ['1', 'off'])
    await runWg(dir, device, ['set', device.dev, ...known.flatMap((host) => ['peer', keys.get(host)!, 'persistent-keepalive', interval])])
}
