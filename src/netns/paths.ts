/** Where named namespaces are. Apart from what enters them, because scripts need the place and no processes. */

/** Where iproute2 keeps named namespaces (ip-netns(8)). */
export const NETNS_DIR = '/run/netns'
export const netnsFile = (ns: string): string => `${NETNS_DIR}/${ns}`
