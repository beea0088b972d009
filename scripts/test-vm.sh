#!/bin/sh
# Run tests on a complete kernel: those that need devices which this machine's kernel may lack.
#
#   scripts/test-vm.sh [FILE.mjs]...
#
# The files are plain JavaScript for node:test, bundled beforehand: under emulation, loading is
# what takes the time. Without arguments they are the conformance suite, policies and mutations of tunnels, and the examples.
# NETLAB_CONFORMANCE names the backends that are tried there (gre,ipip).
set -eu

cd "$(dirname "$0")/.."

if [ $# = 0 ]; then
  for file in build/test/conformance/*.test.mjs build/test/policy/tunnels.test.mjs build/test/mutation/mutation.test.mjs \
    build/test/e2e/topologies.test.mjs; do
    [ ! -e "$file" ] || set -- "$@" "$file"
  done
fi
if [ $# = 0 ]; then
  echo "test-vm: no build/test/conformance/*.test.mjs: build the tests first" >&2
  exit 2
fi

NETLAB_CONFORMANCE=${NETLAB_CONFORMANCE:-gre,ipip}
export NETLAB_CONFORMANCE
exec scripts/vm-run.sh node --test "$@"
