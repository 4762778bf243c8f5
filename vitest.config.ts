import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The lab boots machines; it has its own command (`npm run lab`).
    exclude: ['test/lab/**'],
    globalSetup: ['test/support/build-once.ts'],
    // Most tests wait for programs that they start: of two processors both are put to use.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
