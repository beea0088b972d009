/** What errors made a node remember of the MTU of paths. It goes by that for ten minutes, also when the link is mended meanwhile. */
import { inside, isDeleted, type Namespace } from './inside.ts'
import { RTM } from './netlink/message.ts'
import { rememberedRoutes, rememberedRoutesQuery } from './netlink/routes.ts'
import { NetlinkSocket } from './netlink/socket.ts'
import { writeProc } from './proc-sys.ts'
import { AF } from './sockets/socket.ts'

/**
 * Makes a node forget all of it, of both families. With a namespace that was deleted it is gone already.
 * @throws SystemError, NetlinkError
 */
export function forgetPathMtus(ns: Namespace): void {
  try {
    inside(ns, forgetHere)
  } catch (error) {
    if (!isDeleted(error as Error)) throw error
  }
}

function forgetHere(): void {
  writeProc([['/proc/sys/net/ipv4/route/flush', '1']], () => {})
  // The flush of IPv6 (net.ipv6.route.flush) only takes what has expired.
  const socket = new NetlinkSocket()
  try {
    const remembered = rememberedRoutes(socket.dump(RTM.getRoute, rememberedRoutesQuery(AF.inet6)))
    if (remembered.length > 0) socket.tell(RTM.deleteRoute, remembered)
  } finally {
    socket.close()
  }
}
