#!/bin/sh
# Install what netlab needs on this machine: only what is missing, silently when nothing is.
#
#   scripts/setup.sh [--check] [run|test|bench|vm]...
#
#   run    run labs: namespaces, bridges, tunnels, iptables, ipset, tracing (the default)
#   test   run the tests: run + the tools they compare netlab's answers with
#   bench  run the benchmarks: run + Mininet, the tool netlab is measured against
#   vm     boot a full kernel in QEMU (scripts/vm-run.sh)
#
#   --check  install nothing; say what is missing and exit 3
#
# run, test and bench also see to node_modules. Exit: 0 all there, 2 wrong usage, 3 something is
# missing that this script may not or cannot install.
set -eu

# Tools live in sbin directories that an ordinary user's PATH often lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
root=$(cd "$(dirname "$0")/.." && pwd)

# What each target needs, as command:package. The command is what is looked for, so a tool that
# was built by hand counts as well; the package is its name on Debian 12, Debian 13 and Ubuntu.
run_tools='ip:iproute2 tc:iproute2 bridge:iproute2 iptables:iptables ipset:ipset nft:nftables
  sysctl:procps nsenter:util-linux unshare:util-linux setpriv:util-linux modprobe:kmod
  ping:iputils-ping perl:perl-base tcpdump:tcpdump'
test_tools='shellcheck:shellcheck conntrack:conntrack socat:socat ethtool:ethtool
  xmllint:libxml2-utils bird:bird2 etcd:etcd-server etcdctl:etcd-client
  wg:wireguard-tools wireguard-go:wireguard-go'
bench_tools='mn:mininet brctl:bridge-utils'
vm_tools='qemu-system-x86_64:qemu-system-x86 modprobe:kmod depmod:kmod cpio:cpio xz:xz-utils
  zstd:zstd flock:util-linux setpriv:util-linux perl:perl-base'

say() { echo "setup: $*" >&2; }

usage() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

# missing_from LIST prints each package of LIST whose command is not there, once.
missing_from() {
  found=
  for pair in $1; do
    command -v "${pair%%:*}" >/dev/null 2>&1 && continue
    case " $found " in
      *" ${pair#*:} "*) ;;
      *) found="$found ${pair#*:}" ;;
    esac
  done
  echo "${found# }"
}

install_packages() { # packages, separated by spaces
  if [ "$check" = yes ] || ! command -v apt-get >/dev/null 2>&1; then
    say "missing: $1"
    if command -v apt-get >/dev/null 2>&1; then
      say "install with: sudo apt-get install --no-install-recommends $1"
    else
      say "these are Debian's package names; install what this system calls them"
    fi
    exit 3
  fi
  as_root=
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      say "missing: $1"
      say "run as root: apt-get install --no-install-recommends $1"
      exit 3
    fi
    as_root=sudo
  fi
  say "installing $1"
  log=$(mktemp)
  services_off
  # An update that fails half-way (one source of many is down) often leaves enough to go on with.
  # shellcheck disable=SC2086  # $1 is a list of packages, $as_root may be nothing
  if { $as_root apt-get update -q || :; } >"$log" 2>&1 </dev/null &&
    $as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends $1 >>"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "apt-get could not install: $1"
    exit 3
  fi
  services_back
  case " $1 " in *' bird2 '*) $as_root update-rc.d bird disable >/dev/null 2>&1 || : ;; esac
  case " $1 " in *' etcd-server '*) $as_root update-rc.d etcd disable >/dev/null 2>&1 || : ;; esac
}

# bird2 and etcd-server bring services. They are to run inside labs, never in the machine's own namespace: not when the
# package is installed (invoke-rc.d asks policy-rc.d; 101 forbids) and not at the next boot.
policy=/usr/sbin/policy-rc.d
services_off() {
  [ ! -e $policy ] || return 0
  trap services_back EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
  $as_root chmod 755 $policy
  forbidden=yes
}
services_back() {
  [ "${forbidden-}" != yes ] || $as_root rm -f $policy
  forbidden=
}

check_node() {
  if ! version=$(node --version 2>/dev/null); then
    say "missing: Node.js 20.19 or newer, with npm (Debian 13: apt-get install nodejs npm)"
    exit 3
  fi
  major=${version#v}
  minor=${major#*.}
  major=${major%%.*}
  minor=${minor%%.*}
  if [ "$major" -lt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -lt 19 ]; }; then
    say "Node.js $version is too old: netlab needs 20.19 or newer"
    exit 3
  fi
}

check_node_modules() {
  [ -f "$root/package-lock.json" ] || return 0 # an installed netlab, not a checkout
  installed=$root/node_modules/.package-lock.json
  if [ -f "$installed" ] && [ -z "$(find "$root/package-lock.json" -newer "$installed")" ]; then
    return 0
  fi
  if [ "$check" = yes ]; then
    say "node_modules is missing or older than package-lock.json: run npm ci"
    exit 3
  fi
  if ! command -v npm >/dev/null 2>&1; then
    say "missing: npm (Debian 13: apt-get install npm)"
    exit 3
  fi
  say "installing node_modules (npm ci)"
  log=$(mktemp)
  if (cd "$root" && npm ci --loglevel=error --no-audit --no-fund) >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    head -n 20 "$log" >&2
    rm -f "$log"
    say "npm ci failed"
    exit 3
  fi
}

check=no
wanted=
javascript=no
[ "${1-}" != --check ] || { check=yes && shift; }
[ $# -gt 0 ] || set -- run
for target in "$@"; do
  case $target in
    run) wanted="$wanted $run_tools" javascript=yes ;;
    test) wanted="$wanted $run_tools $test_tools" javascript=yes ;;
    bench) wanted="$wanted $run_tools $bench_tools" javascript=yes ;;
    vm) wanted="$wanted $vm_tools" ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

packages=$(missing_from "$wanted")
[ -z "$packages" ] || install_packages "$packages"
if [ $javascript = yes ]; then
  check_node
  check_node_modules
fi
