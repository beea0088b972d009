/** Forgetting neighbours: all namespaces share one small table of them, and a full mesh of a bridge's pods would fill it. */
import { RTM } from '../../netns/netlink/message.ts'
import { NetlinkSocket } from '../../netns/netlink/socket.ts'
import { learnedNeighbours, NDMSG } from '../../netns/netlink/neighbours.ts'

/** Those of one node. Made inside its namespace. */
export class Neighbours {
  readonly #socket = new NetlinkSocket()
  /** Those that were known before the test, which are kept. */
  readonly #known = new Set(this.#learned().map(({ key }) => key))

  #learned(): ReturnType<typeof learnedNeighbours> {
    return learnedNeighbours(this.#socket.dump(RTM.getNeigh, Buffer.alloc(NDMSG)))
  }

  /** Deletes what was learned since. @throws SystemError, NetlinkError */
  forget(): void {
    const learned = this.#learned().filter(({ key }) => !this.#known.has(key))
    if (learned.length > 0)
      this.#socket.tell(
        RTM.deleteNeigh,
        learned.map(({ deletion }) => deletion),
      )
  }

  close(): void {
    this.#socket.close()
  }
}
