/** Where things are on this machine, and who may touch them. Apart from what enters namespaces: scripts need the places alone. */

/** Where iproute2 keeps named namespaces (ip-netns(8)). */
export const NETNS_DIR = '/run/netns'
export const netnsFile = (ns: string): string => `${NETNS_DIR}/${ns}`

/** Where everything that is recorded about labs is: gone with the next boot, as their namespaces are. */
export const STATE_DIR = '/run/netlab'

/** Where the containers of a script that `netlab plan` prints write. */
export const scriptDir = (lab: string): string => `/run/netlab-script-${lab}`

/** Whether this process may make and enter network namespaces. */
export const isRoot = (): boolean => process.geteuid?.() === 0
