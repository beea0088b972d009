#!/usr/bin/env -S node --max-semi-space-size=4
// CommonJS, by the package.json beside it: Node has it running sooner.
require('../dist/main.cjs').main(process.argv)
