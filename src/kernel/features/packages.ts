/** Which packages have the programs netlab runs, and what installs them. */

/** Debian package of each program. */
export const TOOL_PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  perl: 'perl-base',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  setsid: 'util-linux',
  setpriv: 'util-linux',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  'ip6tables-restore': 'iptables',
  'ip6tables-save': 'iptables',
  sysctl: 'procps',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  ipset: 'ipset',
  bird: 'bird2',
  birdc: 'bird2',
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
}

/** Packages that recommend what is not wanted: a whole kernel. */
const PLAIN = new Set(['wireguard-tools'])

/** What installs packages, for root. */
export const aptLine = (packages: readonly string[]): string =>
  `apt-get install ${packages.some((name) => PLAIN.has(name)) ? '--no-install-recommends ' : ''}${packages.join(' ')}`
