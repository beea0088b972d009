/** A packet's headers on a line: each tunnel drawn around what it carries, what changed since the last device in colour. */
import type { ChalkInstance } from 'chalk'
import { headerOf, isIp, type Layer } from '../../packet/headers.ts'
import { IP_IN_IP } from '../../packet/ipip.ts'
import { opensTunnel } from '../../packet/tunnels.ts'

/** Headers as words, changed values highlighted against the packet one device earlier. */
export function headers(layers: readonly Layer[], before: readonly Layer[], chalk: ChalkInstance): string[] {
  const first = before.length === 0
  // The packet inside is compared with itself, however many headers were put around it.
  const shift = layers.length - before.length
  return layers.flatMap((layer, i): string[] => {
    const old = before[i - shift]
    const isNew = !first && (i < shift || old?.type !== layer.type)
    const mark = (now: string, was: string | undefined): string => (first ? now : isNew || now !== was ? chalk.yellow(now) : now)
    const was = old?.type === layer.type ? old : undefined
    const header = headerOf(layer)
    const opens = opensTunnel(layers, i)
    const carries = opens || (layers[i + 1] !== undefined && headerOf(layers[i + 1]!).encapsulates !== undefined)
    const line = header.trace(layer, (value) => mark(value(layer), was && value(was)), carries)
    // IP in IP has no header that could say so; the others are drawn around what they carry.
    const words = line !== undefined && opens ? `${line}${isIp(layer) ? ` ${IP_IN_IP}` : ' │'}` : line
    if (words === undefined) return []
    return [isNew ? chalk.yellow('▐') + words : words]
  })
}
