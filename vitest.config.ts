import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // What needs no root and no network namespace. test/netns, conformance, e2e and chaos run under node:test.
    include: ['test/{unit,golden,property}/**/*.test.ts'],
    // Workers die in some of these tests, so each file has a process of its own.
    pool: 'forks',
    // Nothing here measures time; a slow machine only takes longer.
    testTimeout: 60_000,
  },
})
