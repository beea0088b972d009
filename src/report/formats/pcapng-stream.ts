/** A pcapng file that grows with a capture: whenever it is cut off after a block, what is there is a valid file. */
import type { Frame } from '../../capture/tap.ts'
import { isEthernet } from '../../packet/decode.ts'
import { interfaceBlock, packetBlock, sectionBlock, statisticsBlock } from './pcapng-blocks.ts'

export class PcapngStream {
  readonly #interfaces = new Map<string, { readonly id: number; readonly ns: string; received: number }>()
  #last = 0n

  /** What the file begins with. */
  start(comment: string): Buffer {
    return sectionBlock(comment)
  }

  /** A frame, after its device where that is new. */
  packet(frame: Frame): Buffer {
    // A device may be deleted and made anew as another kind: then it is two interfaces of one name.
    const key = `${frame.ns} ${frame.device} ${isEthernet(frame.hardware)}`
    const known = this.#interfaces.get(key)
    const device = known ?? { id: this.#interfaces.size, ns: frame.ns, received: 0 }
    if (!known) this.#interfaces.set(key, device)
    device.received++
    this.#last = frame.at
    const description = `interface ${frame.ifindex} in network namespace ${frame.ns}`
    const blocks = known ? [] : [interfaceBlock(`${frame.node}/${frame.device}`, description, frame.hardware)]
    return Buffer.concat([...blocks, packetBlock(device.id, { ...frame, length: frame.bytes.length })])
  }

  /** How much each device captured, and what got lost on the way: of all devices of a listener together, at its first. */
  end(lostIn: ReadonlyMap<string, number>): Buffer {
    const counted = new Set<string>()
    return Buffer.concat(
      [...this.#interfaces.values()].map(({ id, ns, received }) => {
        const lost = counted.has(ns) ? 0 : (lostIn.get(ns) ?? 0)
        counted.add(ns)
        return statisticsBlock(id, this.#last, received + lost, lost)
      }),
    )
  }
}
