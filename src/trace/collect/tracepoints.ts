/** Tracepoints of the kernel as tracefs describes them: their numbers, and where the fields of a record are. */
import { existsSync, readFileSync } from 'node:fs'
import { systemWords } from '../../netns/libc.ts'
import { closeElsewhere } from '../../netns/sockets/packet-socket.ts'
import { detachedMount } from '../../netns/proc-sys.ts'

/** Where a value is in a record. */
interface Field {
  readonly offset: number
  /** Bytes. */
  readonly size: number
  /** It is four bytes that say where a text is: offset, and length in the upper half. */
  readonly isText: boolean
}

/** A tracepoint, and how its records are read. */
export class Tracepoint {
  readonly id: number
  readonly #fields: ReadonlyMap<string, Field>
  readonly #symbols: ReadonlyMap<number, string>

  /** @param format content of the tracepoint's file `format` (Documentation/trace/events.rst) */
  constructor(
    readonly name: string,
    format: string,
  ) {
    this.id = Number(/^ID: (\d+)$/m.exec(format)?.[1])
    this.#fields = new Map(
      [...format.matchAll(/^\tfield:([^;]*?)(\w+)(?:\[[^\]]*\])?;\toffset:(\d+);\tsize:(\d+);/gm)].map(
        ([, type, field, offset, size]): [string, Field] => [
          field!,
          { offset: Number(offset), size: Number(size), isText: type!.includes('__data_loc') },
        ],
      ),
    )
    // Of the events that are read, one has values with names: the reason of a drop.
    this.#symbols = new Map([...format.matchAll(/\{ (-?\w+), "([^"]*)" \}/g)].map(([, value, text]) => [Number(value), text!]))
  }

  has(field: string): boolean {
    return this.#fields.has(field)
  }

  #field(name: string): Field {
    const field = this.#fields.get(name)
    if (!field) throw new Error(`the tracepoint ${this.name} of this kernel has no field ${name}`)
    return field
  }

  /** A signed number of up to four bytes. */
  int(record: Buffer, name: string): number {
    const { offset, size } = this.#field(name)
    return record.readIntLE(offset, size)
  }
  /** An unsigned number of up to four bytes. */
  uint(record: Buffer, name: string): number {
    const { offset, size } = this.#field(name)
    return record.readUIntLE(offset, size)
  }
  pointer(record: Buffer, name: string): bigint {
    return record.readBigUInt64LE(this.#field(name).offset)
  }
  bytes(record: Buffer, name: string): Buffer {
    const { offset, size } = this.#field(name)
    return record.subarray(offset, offset + size)
  }
  /** A text, of the record or in a field of fixed length. */
  text(record: Buffer, name: string): string {
    const { offset, size, isText } = this.#field(name)
    const [start, length] = isText ? [record.readUInt16LE(offset), record.readUInt16LE(offset + 2)] : [offset, size]
    return record.toString('latin1', start, start + length).replace(/\0.*$/s, '')
  }
  /** The name that the kernel has for a value, or the value. */
  symbol(record: Buffer, name: string): string {
    const value = this.uint(record, name)
    return this.#symbols.get(value) ?? `0x${value.toString(16)}`
  }
}

/** Where tracefs is mounted on most machines. */
const MOUNTED = '/sys/kernel/tracing'

/**
 * Describes tracepoints, by names such as `skb/kfree_skb`; those that this kernel does not have are left out. Where tracefs
 * is not mounted, it is only for this process.
 * @throws Error where this kernel has no tracefs
 */
export function readTracepoints(names: readonly string[]): Map<string, Tracepoint> {
  const mount = existsSync(`${MOUNTED}/events`) ? undefined : detachedMount('tracefs')
  if (mount !== undefined && mount < 0) throw new Error(`no tracefs: ${systemWords(-mount)}`)
  const root = mount === undefined ? MOUNTED : `/proc/self/fd/${mount}`
  try {
    return new Map(
      names.flatMap((name): [string, Tracepoint][] => {
        const file = `${root}/events/${name}/format`
        return existsSync(file) ? [[name, new Tracepoint(name, readFileSync(file, 'latin1'))]] : []
      }),
    )
  } finally {
    // Unmounting waits for all processors.
    if (mount !== undefined) closeElsewhere([mount])
  }
}

let symbols: string | undefined
const functions = new Map<bigint, string>()

/** Letters of functions in the table of symbols. */
const FUNCTION = /^[tTwW]$/

/** The function that an address of the kernel lies in; the address as a number where the kernel does not tell. */
export function functionAt(address: bigint): string {
  let name = functions.get(address)
  if (name === undefined) {
    // As long as a megabyte is read in ten milliseconds, no less than all of it: the table is in no order that helps.
    symbols ??= readFileSync('/proc/kallsyms', 'latin1')
    functions.set(address, (name = findFunction(symbols, address)))
  }
  return name
}

/** @param table as in /proc/kallsyms: address, letter, name, and module */
export function findFunction(table: string, address: bigint): string {
  const wanted = address.toString(16).padStart(16, '0')
  let [best, found] = ['0'.repeat(16), '']
  for (let at = 0; at < table.length;) {
    const end = table.indexOf('\n', at)
    const line = end < 0 ? table.length : end
    const start = table.slice(at, at + 16)
    // Several names of one address: the first is as good as any.
    if (start > best && start <= wanted && FUNCTION.test(table[at + 17]!)) {
      best = start
      found = table.slice(at + 19, line)
    }
    at = line + 1
  }
  return found === '' ? wanted : found.split('\t')[0]!
}
