#!/usr/bin/env bash
# Run a command as root on a complete Linux kernel, in a virtual machine that lasts as long as it.
#
# Usage: scripts/vm-run.sh [options] [--] COMMAND [ARGUMENT...]
#
# The machine boots Debian's (or Ubuntu's) stock kernel, which has every network device netlab can
# use, with this machine's own files: all of them to read, and writes to them forgotten at the end,
# except in the working directory, which is shared both ways. It has no network card.
# Standard input (not from a terminal), output, error and the exit code pass through.
#
#   -t, --tty     give COMMAND this terminal; implied by a lone `bash` or `sh` typed at one
#       --shell   the same as --tty bash
#   -v, --verbose say which kernel ran, how, and how long it took to boot
#   -h, --help    print this
#
# Examples:
#   scripts/vm-run.sh netlab up topologies/gre.yaml        # does it come up?
#   scripts/vm-run.sh sh -c 'netlab up gre.yaml && netlab exec pod-a -- ping -c1 10.244.2.2'
#   scripts/vm-run.sh --shell                              # look around; exit ends the machine
#   scripts/vm-run.sh env DEBUG=1 node --test build/test/gre.mjs
#
# A lab ends with its machine, so what uses a lab belongs into the same command as `netlab up`.
# Where PATH has no netlab, it is this checkout's bin/netlab.js.
#
# Inside, NETLAB_IN_VM is 1. Of the caller's environment, PATH, HOME, TERM, TZ, CI, DEBUG, LANG,
# FORCE_COLOR, NO_COLOR, GITHUB_ACTIONS and all of NETLAB_* and NODE_* come along; env(1) sets more.
#
# Settings (environment):
#   VM_WORK     directory shared both ways                 (the working directory)
#   VM_CACHE    where kernels are kept, 400 MB each        (~/.cache/netlab/vm)
#   VM_KERNEL   kernel package to use, e.g. linux-image-6.1.0-50-amd64
#               (the cached one, else the newest; empty the cache to get a newer one)
#   VM_KDIR     a directory with boot/vmlinuz-* and lib/modules/* to use instead of a package;
#               VM_KDIR=/ boots the kernel installed here
#   VM_MEM      memory                                     (1024M)
#   VM_CPUS     processors                                 (2 with KVM, 1 when emulating)
#   VM_ACCEL    kvm or tcg, which is emulation             (kvm where the processor can)
#   VM_TIMEOUT  seconds until the machine is ended, 0: never (1800; 0 with --tty)
#
# Exit code: COMMAND's; 124 after VM_TIMEOUT, 125 when the machine could not be started or broke.

# shellcheck disable=SC2317  # not every function is called by name: trap, with_packages
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HOME=${HOME:-~}
CACHE=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/netlab/vm}

say() { echo "vm-run: $*" >&2; }
die() { say "$*" && exit 125; }

usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "${BASH_SOURCE[0]}"; }

# quote WORD... prints the words so that a POSIX shell reads back exactly these.
quote() {
  local word sep=
  for word in "$@"; do
    printf "%s'%s'" "$sep" "${word//\'/\'\\\'\'}"
    sep=' '
  done
}

# --- the kernel ---------------------------------------------------------------------------------

# apt ARGUMENT...: run an apt tool as this user, downloading and remembering nothing system-wide.
# The machine's own package lists are used while they are fresh enough, else a copy in the cache.
apt() {
  local tool=$1 options=(-o "APT::Sandbox::User=$(id -un)" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
  shift
  if [ -d "$CACHE/apt/lists" ]; then
    options+=(-o "Dir::State::lists=$CACHE/apt/lists" -o "Dir::Cache=$CACHE/apt")
  fi
  "$tool" -q "${options[@]}" "$@"
}

refresh_package_lists() {
  say "fetching fresh package lists into $CACHE/apt"
  mkdir -p "$CACHE/apt/lists/partial" "$CACHE/apt/archives/partial"
  apt apt-get update >"$CACHE/apt/log" 2>&1 || { tail -n 5 "$CACHE/apt/log" >&2 && false; }
}

# unpack DIRECTORY PACKAGE...: download packages and unpack them into a directory of the cache,
# which appears when it is complete.
unpack() {
  local target=$1 work=$CACHE/unpacking deb
  shift
  rm -rf "$work"
  mkdir -p "$work" "${target%/*}"
  say "downloading $* (once, into $CACHE)"
  (
    # Nothing here may rely on set -e: callers look at the outcome, which turns it off.
    cd "$work" || exit 1
    apt apt-get download "$@" >apt.log 2>&1 || { tail -n 5 apt.log >&2 && exit 1; }
    for deb in *.deb; do dpkg -x "$deb" . || exit 1; done
    rm ./*.deb apt.log
  ) || { rm -rf "$work" && return 1; }
  # A package for a merged /usr has its modules in usr/lib only.
  [ -e "$work/lib" ] || ln -s usr/lib "$work/lib"
  mv -T "$work" "$target"
}

# The kernel package that Debian's or Ubuntu's meta-package stands for right now.
newest_kernel_package() {
  local meta
  for meta in linux-image-amd64 linux-image-generic; do
    apt apt-cache depends "$meta" 2>/dev/null || :
  done | sed -n 's/^ *|\{0,1\}Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

# Ubuntu packs the modules apart from the kernel, in one or two packages.
module_packages() { # kernel package
  local version=${1#linux-image-} package
  for package in "linux-modules-${version#unsigned-}" "linux-modules-extra-${version#unsigned-}"; do
    if apt apt-cache show "$package" >/dev/null 2>&1; then echo "$package"; fi
  done
}

download_kernel() { # sets KDIR
  local package modules
  package=${VM_KERNEL:-$(newest_kernel_package)}
  [ -n "$package" ] || return 1
  mapfile -t modules < <(module_packages "$package")
  KDIR=$CACHE/kernel/$package
  unpack "$KDIR" "$package" "${modules[@]}"
}

# with_packages COMMAND...: run it; should it fail, once more with fresh package lists, for a
# machine may have none, or so old ones that what they name is gone.
with_packages() {
  command -v dpkg apt-get >/dev/null ||
    die "kernels come as Debian packages: without apt, set VM_KDIR to a kernel of your own"
  "$@" || { refresh_package_lists && "$@"; }
}

find_kernel() { # sets KDIR, KVER, VMLINUZ
  if [ -n "${VM_KDIR-}" ]; then
    KDIR=$(realpath "$VM_KDIR") || die "no directory $VM_KDIR"
  elif [ -n "${VM_KERNEL-}" ]; then
    KDIR=$CACHE/kernel/$VM_KERNEL
  else
    KDIR=$(printf '%s\n' "$CACHE"/kernel/* | sort -V | tail -n 1)
  fi
  [ -d "$KDIR" ] || with_packages download_kernel ||
    die "cannot download ${VM_KERNEL:-linux-image-amd64 or linux-image-generic}"
  VMLINUZ=$(printf '%s\n' "$KDIR"/boot/vmlinuz-* | sort -V | tail -n 1)
  [ -r "$VMLINUZ" ] || die "no readable kernel in $KDIR/boot"
  KVER=${VMLINUZ##*/vmlinuz-}
  [ -d "$KDIR/lib/modules/$KVER" ] || die "no modules of $KVER in $KDIR/lib/modules"
  # Packages come without the index that modprobe reads; an installed kernel has it.
  [ -s "$KDIR/lib/modules/$KVER/modules.dep.bin" ] || depmod -b "$KDIR" "$KVER"
}

# Most of an emulated boot would go into unpacking the kernel: unpack it here instead.
# Leaves no file when this kernel cannot be had that way.
unpack_kernel() { # target
  local decompress
  # The header of a bzImage says where its payload is: offset 497 holds the number of setup
  # sectors, 584 the payload's offset after them, 588 its length (with four bytes of trailer).
  field() { od -An -v -t "u$2" -j "$1" -N "$2" "$VMLINUZ" | tr -d ' '; }
  local offset=$((($(field 497 1) + 1) * 512 + $(field 584 4))) length=$(($(field 588 4) - 4))
  case $(od -An -v -t x1 -j "$offset" -N 4 "$VMLINUZ" | tr -d ' ') in
    fd377a58) decompress='xz -dc' ;;
    28b52ffd) decompress='zstd -dqc' ;;
    02214c18) decompress='lz4 -dc' ;;
    1f8b08*) decompress='gzip -dc' ;;
    *) return ;;
  esac
  tail -c "+$((offset + 1))" "$VMLINUZ" | head -c "$length" | $decompress >"$1.part" 2>/dev/null || :
  # QEMU enters such a kernel through an ELF note of type 18 by Xen, and takes no other.
  if LC_ALL=C grep -qaP '\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0' "$1.part"; then
    mv "$1.part" "$1"
  else
    rm -f "$1.part"
  fi
}

# --- inside the machine -------------------------------------------------------------------------

# The first process: mounts this machine's files and everything else that a command expects, then
# hands over to guest_main. Runs on busybox, from memory: cheap even when emulated.
guest_init() {
  cat <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
share() { # tag, directory, options
  mount -t 9p -o "$3,trans=virtio,version=9p2000.L,msize=262144" "$1" "$2"
}
share root /lower ro,cache=loose
mount -t tmpfs -o mode=755 scratch /scratch
mkdir /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work overlay /root
for dir in proc sys dev run; do [ -d /root/$dir ] || mkdir /root/$dir; done
mount -t tmpfs -o mode=755,nosuid,nodev run /root/run
mkdir -p -m 755 /root/run/vm/control /root/run/lock
share control /root/run/vm/control rw,cache=none
. /root/run/vm/control/settings
if [ "$work" != / ]; then
  mkdir -p "/root$work"
  share work "/root$work" "rw,cache=$cache"
fi
mkdir -p /root/lib/modules
mount -o bind "/root$kernel/lib/modules" /root/lib/modules
mkdir -p /dev/pts /dev/shm /dev/net
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
mknod -m 666 /dev/net/tun c 10 200
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
ip link set lo up
echo netlab-vm >/proc/sys/kernel/hostname
for dir in proc sys dev; do mount -o move /$dir /root/$dir; done
exec switch_root /root /bin/sh /run/vm/control/main
INIT
}

# Runs the command and reports. Output goes through pipes, not straight to the ports, because a
# port can be opened only once and so /dev/stdout would fail; and through two, to stay apart.
# What a port was given may still be on its way when the last write returns. So each stream closes
# with an end mark, and the far side ends the machine when it has read both.
guest_main() {
  cat <<'MAIN'
. /run/vm/control/settings
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
read -r uptime _ </proc/uptime
echo "$uptime" >/run/vm/control/uptime
command=/run/vm/control/command

# What the command left running would hold the pipes open. This is no one's machine but ours.
end_leftovers() { # but not these
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case " 1 $* " in
      *" $process "*) ;;
      *) kill -KILL "$process" ;;
    esac
  done 2>/dev/null
}

if [ "$stdio" = terminal ]; then
  stty rows "$rows" cols "$columns" </dev/hvc0
  setsid -c -w sh "$command" </dev/hvc0 >/dev/hvc0 2>&1
  code=$?
  end_leftovers
  sync
  echo "$code" >/run/vm/control/code
  # A restart at once, which QEMU was told to take for the end.
  echo b >/proc/sysrq-trigger
else
  exec 4>"$(echo /dev/vport*p1)" 5>"$(echo /dev/vport*p2)"
  mkfifo /run/vm/in /run/vm/out /run/vm/err
  cat </run/vm/out >&4 &
  pumps=$!
  cat </run/vm/err >&5 &
  pumps="$pumps $!"
  in=/dev/null
  if [ "$stdio" = input ]; then
    in=/run/vm/in
    cat <"$(echo /dev/vport*p3)" >$in 4>&- 5>&- &
  fi
  sh "$command" <$in >/run/vm/out 2>/run/vm/err 4>&- 5>&-
  code=$?
  # shellcheck disable=SC2086
  end_leftovers $pumps
  # shellcheck disable=SC2086
  wait $pumps
  sync
  echo "$code" >/run/vm/control/code
  printf '\000%s' "$mark" >&4
  printf '\000%s' "$mark" >&5
fi
while :; do sleep 60; done
MAIN
}

# build_initrd TARGET: guest_init, a static busybox, and the modules that reach the host's files,
# plus bridge netfilter, which no one loads on demand.
build_initrd() {
  local busybox=$CACHE/busybox-static tree=$1.tree applet file name
  if [ -n "${VM_BUSYBOX-}" ]; then
    busybox=$VM_BUSYBOX
  else
    [ -d "$busybox" ] || with_packages unpack "$busybox" busybox-static ||
      die "cannot download busybox-static"
    [ -x "$busybox/bin/busybox" ] && busybox=$busybox/bin/busybox || busybox=$busybox/usr/bin/busybox
  fi
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,modules,proc,sys,dev,lower,scratch,root}
  cp "$busybox" "$tree/bin/busybox"
  for applet in sh mount mkdir mknod ln insmod ip switch_root; do ln -s busybox "$tree/bin/$applet"; done
  for name in virtio_pci 9pnet_virtio 9p overlay virtio_console virtio_rng br_netfilter; do
    modprobe -d "$KDIR" -S "$KVER" --show-depends "$name" 2>/dev/null || :
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    name=${file##*/}
    name=${name%%.ko*}.ko
    case $file in
      *.xz) xz -dc "$file" ;;
      *.zst) zstd -dqc "$file" ;;
      *.gz) gzip -dc "$file" ;;
      *) cat "$file" ;;
    esac >"$tree/modules/$name"
    echo "$name" >>"$tree/modules/order"
  done
  guest_init >"$tree/init"
  chmod +x "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1.part"
  rm -rf "$tree"
  mv "$1.part" "$1"
}

# --- this side ----------------------------------------------------------------------------------

check_tools() {
  [ "$HOSTTYPE" = x86_64 ] || die "only x86_64 machines can do this so far"
  local tool
  for tool in qemu-system-x86_64 depmod modprobe cpio flock setpriv perl; do
    command -v "$tool" >/dev/null && continue
    if [ "$(id -u)" = 0 ]; then
      "$SCRIPTS/setup.sh" vm || exit 125
    else
      "$SCRIPTS/setup.sh" --check vm || exit 125
    fi
    return
  done
}

# Everything a boot needs that is not there yet, built by one caller at a time.
prepare() { # sets KDIR, KVER, VMLINUZ, VMLINUX, INITRD
  local name checksum stale
  mkdir -p "$CACHE"
  CACHE=$(realpath "$CACHE")
  exec 9>"$CACHE/lock"
  flock 9
  find_kernel
  name=$KVER-$(printf '%s' "$KDIR" | cksum | cut -d' ' -f1)
  VMLINUX=$CACHE/vmlinux-$name
  [ -e "$VMLINUX" ] || unpack_kernel "$VMLINUX"
  [ -e "$VMLINUX" ] || ln -s "$VMLINUZ" "$VMLINUX"
  # Named after what is in it: a change of guest_init makes a new one.
  checksum=$({ guest_init && declare -f build_initrd; } | cksum | cut -d' ' -f1)
  INITRD=$CACHE/initrd-$name-$checksum
  if [ ! -e "$INITRD" ]; then
    rm -rf "$CACHE/initrd-$name"-*
    build_initrd "$INITRD"
  fi
  # A run holds a lock on its directory; one without was killed with SIGKILL.
  for stale in "$CACHE"/run.*/lock; do
    if [ -e "$stale" ] && flock -n "$stale" true; then rm -rf "${stale%/lock}"; fi
  done
  RUN=$(mktemp -d "$CACHE/run.XXXXXX")
  exec 8>"$RUN/lock"
  flock 8
  exec 9>&-
}

# What the guest reads: who it is, and the command as a script.
write_guest_files() {
  local stdio=$1 size=$2 name cache=loose
  shift 2
  # A shell at a terminal must see what is edited out here meanwhile; a command need not, and
  # runs faster for it.
  [ "$stdio" != terminal ] || cache=none
  guest_main >"$RUN/main"
  {
    echo "work=$(quote "$WORK") kernel=$(quote "$KDIR") stdio=$stdio cache=$cache"
    echo "rows=${size% *} columns=${size#* } mark=${RUN##*.}"
  } >"$RUN/settings"
  mkdir "$RUN/bin"
  printf '#!/bin/sh\nexec node %s "$@"\n' "$(quote "${SCRIPTS%/*}/bin/netlab.js")" >"$RUN/bin/netlab"
  chmod +x "$RUN/bin/netlab"
  {
    echo "export NETLAB_IN_VM=1 USER=root LOGNAME=root PATH=$(quote "$PATH:/run/vm/control/bin")"
    for name in HOME TERM TZ CI DEBUG LANG FORCE_COLOR NO_COLOR GITHUB_ACTIONS "${!NETLAB_@}" "${!NODE_@}"; do
      [ -z "${!name+set}" ] || [ "$name" = NETLAB_IN_VM ] || echo "export $name=$(quote "${!name}")"
    done
    echo "cd $(quote "$PWD") || exit 125"
    echo "exec $(quote "$@")"
  } >"$RUN/command"
}

# The accelerator: /dev/kvm alone proves nothing, a guest of another hypervisor can have it too.
choose_accelerator() { # sets ACCEL
  ACCEL=${VM_ACCEL-}
  if [ -z "$ACCEL" ]; then
    ACCEL=tcg
    if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then ACCEL=kvm; fi
  fi
}

# receive MARK: copy standard input to standard output up to the end mark, a zero byte and MARK.
# When the reader of that is gone, end it all, as SIGPIPE would have.
receive() {
  exec perl -e '
    my ($mark, $held) = ("\0$ARGV[0]", "");
    $SIG{PIPE} = "IGNORE";
    while (sysread STDIN, $held, 65536, length $held) {
      my $end = index $held, $mark;
      # What may be the beginning of the mark waits for the rest of it.
      my $start = rindex $held, "\0";
      my $print = $end >= 0 ? $end
        : $start > length($held) - length($mark) && $start >= 0 ? $start : length $held;
      while ($print > 0) {
        my $written = syswrite STDOUT, $held, $print;
        if (!$written) {
          kill "USR1", $ARGV[1];
          exit 1;
        }
        substr($held, 0, $written) = "";
        $print -= $written;
      }
      exit if $end >= 0;
    }
    syswrite STDOUT, $held;' "$1" $$
}

# boot STDIO SECONDS: start QEMU in the background (sets QEMU, RECEIVERS and FEEDER).
boot() {
  local stdio=$1 seconds=$2 append rom
  local machine=(-M q35 -m "${VM_MEM:-1024M}" -nodefaults -no-user-config -no-reboot
    -vga none -display none -net none -device virtio-rng-pci
    -chardev "file,id=console,path=${RUN//,/,,}/console.log" -serial chardev:console)
  append='console=ttyS0 quiet loglevel=3 panic=-1 audit=0 mitigations=off cryptomgr.notests'
  if [ "$ACCEL" = kvm ]; then
    # Should KVM fail after all, emulate; "max" is this very processor or all that can be emulated.
    machine+=(-accel kvm -accel tcg -cpu max -smp "${VM_CPUS:-2}" -kernel "$VMLINUZ")
  else
    # One processor, because with more each would wait for the others at every change of a page
    # table; and addresses that do not change from one program to the next, so that code
    # translated once is used again.
    append="$append norandmaps nokaslr init_on_alloc=0 security=none random.trust_cpu=on"
    machine+=(-accel 'tcg,tb-size=512' -cpu Nehalem -smp "${VM_CPUS:-1}" -kernel "$VMLINUX")
    # A kernel that needs no unpacking needs hardly any firmware either.
    rom=/usr/share/qemu/qboot.rom
    if [ -e "$rom" ] && [ ! -L "$VMLINUX" ]; then machine+=(-bios "$rom"); fi
  fi
  share() { # tag, directory, options
    machine+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$3"
      -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
  }
  share root / ,readonly=on
  share control "$RUN" ''
  [ "$WORK" = / ] || share work "$WORK" ''
  machine+=(-device virtio-serial-pci)

  local input=/dev/null output=/dev/null
  if [ "$stdio" = terminal ]; then
    machine+=(-chardev 'stdio,id=terminal,signal=off' -device 'virtconsole,chardev=terminal')
    input=/dev/tty output=/dev/tty
  else
    # Pipes of our own, because QEMU would make the caller's descriptors non-blocking.
    mkfifo "$RUN/out" "$RUN/err"
    receive "${RUN##*.}" <"$RUN/out" 8>&- &
    RECEIVERS+=($!)
    receive "${RUN##*.}" <"$RUN/err" >&2 8>&- &
    RECEIVERS+=($!)
    machine+=(-chardev "file,id=out,path=${RUN//,/,,}/out" -device 'virtserialport,chardev=out,nr=1'
      -chardev "file,id=err,path=${RUN//,/,,}/err" -device 'virtserialport,chardev=err,nr=2')
    if [ "$stdio" = input ]; then
      mkfifo "$RUN/in"
      cat <&0 >"$RUN/in" 8>&- &
      FEEDER=$!
      input=$RUN/in
      machine+=(-chardev 'stdio,id=in,signal=off' -device 'virtserialport,chardev=in,nr=3')
    fi
    # QEMU inherits these: should it end before it opens the pipes, their readers see the end.
    exec 5>"$RUN/out" 6>"$RUN/err"
  fi
  # Were this script killed with SIGKILL, the machine would go as well.
  setpriv --pdeathsig TERM timeout --foreground -k 5 "$seconds" \
    setpriv --pdeathsig KILL qemu-system-x86_64 "${machine[@]}" -initrd "$INITRD" -append "$append" \
    <"$input" >"$output" 2>"$RUN/qemu.log" &
  QEMU=$!
  if [ "$stdio" != terminal ]; then exec 5>&- 6>&-; fi
}

# No job left, no file left, the terminal as it was; whatever way we go.
cleanup() {
  trap '' INT TERM HUP USR1
  local pid
  for pid in ${QEMU:+"$QEMU"} ${FEEDER:+"$FEEDER"} "${RECEIVERS[@]}"; do
    kill "$pid" 2>/dev/null || :
  done
  wait
  [ -z "${TERMINAL-}" ] || stty "$TERMINAL" </dev/tty || :
  [ -z "${RUN-}" ] || rm -rf "$RUN"
}

main() {
  local tty=no verbose=no
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit 0 ;;
      -t | --tty) tty=yes && shift ;;
      -v | --verbose) verbose=yes && shift ;;
      --shell) tty=yes && set -- bash && break ;;
      --) shift && break ;;
      -*) say "no option $1; see --help" && exit 125 ;;
      *) break ;;
    esac
  done
  [ $# -gt 0 ] || { usage >&2 && exit 125; }
  if [ $# = 1 ] && [ -t 0 ] && [ -t 1 ]; then
    case $1 in bash | sh | */bash | */sh) tty=yes ;; esac
  fi

  local stdio=none size='24 80' code
  if [ $tty = yes ]; then
    if ! [ -t 0 ] || ! [ -t 1 ]; then die "--tty needs a terminal"; fi
    stdio=terminal size=$(stty size)
    TERMINAL=$(stty -g)
  elif [ ! -t 0 ] && [ -e /dev/stdin ] && ! [ /dev/stdin -ef /dev/null ]; then
    stdio=input
  fi
  if [ -t 1 ] && [ -z "${NO_COLOR+set}" ]; then export FORCE_COLOR=${FORCE_COLOR-1}; fi

  trap cleanup EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 141' USR1
  check_tools
  prepare
  WORK=$(realpath "${VM_WORK:-$PWD}")
  write_guest_files "$stdio" "$size" "$@"
  choose_accelerator
  local seconds=${VM_TIMEOUT:-$([ $tty = yes ] && echo 0 || echo 1800)}
  boot "$stdio" "$seconds"

  if [ $tty = no ]; then
    wait "${RECEIVERS[@]}" || :
    RECEIVERS=()
    kill "$QEMU" 2>/dev/null || :
  fi
  code=0
  wait "$QEMU" || code=$?
  QEMU=

  if [ $verbose = yes ]; then
    say "kernel $KVER, $ACCEL, booted in $(cat "$RUN/uptime" 2>/dev/null || echo '?') s"
  fi
  if [ -s "$RUN/code" ]; then exit "$(cat "$RUN/code")"; fi
  if [ "$code" = 124 ]; then say "ended after $seconds s" && exit 124; fi
  say "the machine ended before the command did (QEMU: exit $code); its last words:"
  tail -qn 20 "$RUN/qemu.log" "$RUN/console.log" >&2 2>/dev/null || :
  exit 125
}

RUN='' QEMU='' FEEDER='' TERMINAL='' RECEIVERS=()
main "$@"
