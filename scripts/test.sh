#!/bin/sh
# `npm test`: installs what is missing, then runs every test there is.
#
#   scripts/test.sh [quick|unit|kernel|vm]...    unit, kernel and vm when none is named
#
#   quick   unit, and the first conformance lab of each backend on this kernel; root
#   unit    types, lint, unit, golden and property tests; no root
#   kernel  real namespaces on this kernel: conformance, drift, command line, chaos, `netlab ci` on every example; root
#   vm      conformance, policies, mutations and examples on Debian's kernel, for the devices this kernel lacks
#
# Kernel tests need root; an ordinary user's are run with sudo. Exit: 0 all passed, 1 a test failed,
# 3 something is missing that cannot be installed. Where a kernel test failed, the virtual machine still
# finishes, so that one run says all that is wrong.
set -eu

cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
[ $# -gt 0 ] || set -- unit kernel vm

needed=test
case " $* " in *' vm '*) needed='test vm' ;; esac
# shellcheck disable=SC2086  # one or two words
scripts/setup.sh $needed
npm run --silent build
npm run --silent build:tests

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo env "PATH=$PATH" "$@"
  else
    echo "test: these tests build network namespaces, which takes root, and there is no sudo: run npm test as root" >&2
    exit 3
  fi
}

# What the tests of each part print (TAP), to say at the end what failed.
logs=$(mktemp -d)
vm_pid=
finish() {
  [ -z "$vm_pid" ] || { kill "$vm_pid"; wait "$vm_pid"; } 2>/dev/null || true
  rm -rf "$logs"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The virtual machine has one processor: where there are two it runs beside the other parts and is read afterwards.
case " $* " in
  *' kernel vm '* | *' unit vm '*)
    if [ "$(nproc)" -gt 1 ]; then
      # What it does takes longest, one thing after the other, and its clock goes on when it is not let run: beside a dozen labs
      # at once it must get a processor all the same.
      priority=
      [ "$(id -u)" != 0 ] || priority='nice -n -15'
      # shellcheck disable=SC2086  # words of ours
      $priority scripts/test-vm.sh >"$logs/vm" 2>&1 &
      vm_pid=$!
    fi
    ;;
esac

unit() {
  npm run --silent check && npx vitest run
}

# kernel_files -l prints those that call ownMachine (test/support/machine.ts), kernel_files -L all others.
kernel_files() {
  find build/test -name '*.test.mjs' -exec grep "$1" 'ownMachine();' {} + | sort
}

# [setting=NAME=VALUE] kernel_tests NAME AT_ONCE FILE...
kernel_tests() {
  log=$logs/$1 at_once=$2
  shift 2
  # shellcheck disable=SC2086  # a word or none
  as_root env ${setting-} node --test --test-concurrency="$at_once" --test-reporter="$([ -t 1 ] && echo spec || echo tap)" --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$log" "$@"
}

# failures FILE: what failed of the tests that wrote this, with the error of each.
failures() {
  awk '/^ *not ok / { shown = 1 } shown { print } /^ *\.\.\.$/ { shown = 0 }' "$1"
}

failed=
for part in "$@"; do
  printf '\n== %s\n' "$part"
  case $part in
    quick)
      unit || failed="$failed unit"
      setting=NETLAB_QUICK=1 kernel_tests quick 1 build/test/conformance/backends/*.test.mjs || failed="$failed quick"
      ;;
    unit)
      unit || failed="$failed unit"
      ;;
    kernel)
      # Files that make a machine of their own run two at a time, as they wait a good deal. The others see what happens on this one.
      # shellcheck disable=SC2046  # names of ours, one a line
      kernel_tests kernel-own 2 $(kernel_files -l) || failed="$failed kernel"
      # shellcheck disable=SC2046
      kernel_tests kernel-shared 1 $(kernel_files -L) || failed="$failed kernel"
      ;;
    vm)
      if [ -n "$vm_pid" ]; then
        wait "$vm_pid" || failed="$failed vm"
        vm_pid=
        cat "$logs/vm"
      else
        scripts/test-vm.sh || failed="$failed vm"
      fi
      ;;
    *)
      echo "test: no part called $part: quick, unit, kernel, vm" >&2
      exit 2
      ;;
  esac
done
if [ -n "$failed" ]; then
  for log in "$logs"/*; do
    [ ! -e "$log" ] || failures "$log"
  done
  printf '\nfailed:%s\n' "$failed"
  exit 1
fi
printf '\nall tests passed\n'
