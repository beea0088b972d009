#!/bin/sh
# Run tests on a complete kernel: those that need devices which this machine's kernel may lack.
#
#   scripts/test-vm.sh [FILE.mjs]...
#
# The files are plain JavaScript for node:test, bundled beforehand: under emulation, loading is
# what takes the time. Without arguments they are the conformance of backends, policies and mutations of tunnels, and the
# examples. NETLAB_BACKENDS names the backends that are tested there (default: those this machine's kernel may lack).
set -eu

cd "$(dirname "$0")/.."

if [ $# = 0 ]; then
  for file in build/test/conformance/backends/*.test.mjs build/test/policy/tunnels.test.mjs build/test/mutation/mutation.test.mjs \
    build/test/e2e/topologies.test.mjs; do
    [ ! -e "$file" ] || set -- "$@" "$file"
  done
fi
if [ $# = 0 ]; then
  echo "test-vm: no build/test/conformance/backends/*.test.mjs: build the tests first" >&2
  exit 2
fi

# Emulated on a busy machine it takes long; what hangs is ended all the same.
VM_TIMEOUT=${VM_TIMEOUT:-3600} exec scripts/vm-run.sh node --test --test-concurrency=1 "$@"
