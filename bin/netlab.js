#!/usr/bin/env node
// CommonJS, by the package.json beside it: Node has it running sooner.
require('../dist/main.cjs').main(process.argv)
