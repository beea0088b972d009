#!/bin/sh
# `npm start`: from a fresh clone to a running lab. Installs what is missing, builds netlab, brings the
# quickstart lab up, sends a ping from a pod on one host to a pod on the other, and shows what to try next.
set -eu

cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
file=topologies/quickstart.yaml

scripts/setup.sh run
npm run --silent build

# Network namespaces take root; the build above does not, so only the rest gets it.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo env "PATH=$PATH" "$@"; fi
}
netlab() {
  as_root node bin/netlab.js "$@"
}
show() {
  printf '\n$ netlab %s\n' "$*"
}

show up $file
netlab up $file
show graph quickstart
netlab graph quickstart
to=$(netlab exec pod-b --lab quickstart -- ip -brief -4 address show eth0 | awk '{ sub("/.*", "", $3); print $3 }')
show exec pod-a -- ping -c3 "$to"
netlab exec pod-a --lab quickstart -- ping -c3 -i0.2 "$to"

cat <<END

A pod on node-1 has reached a pod on node-2 through a VXLAN tunnel. netlab is bin/netlab.js; to have it at hand:
  sudo npm link

Try next:
  sudo netlab shell pod-a                         look around inside a pod
  sudo netlab exec node-1 -- tcpdump -c4 -ni eth0 what the ping looks like on the wire
  netlab plan $file          the commands behind the lab, as a script
  sudo netlab down quickstart                     everything gone again
  ls topologies/                                  more labs, each teaches one thing
END
