import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Vitest leaves one core idle by itself, which of two is half.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/conformance/**', 'test/faults/**'],
          testTimeout: 30_000,
          pool: 'forks',
        },
      },
      {
        // What takes seconds a test: suites over real file systems, stores and servers, and faults put into them.
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts', 'test/faults/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          pool: 'forks',
        },
      },
      {
        // One virtual machine at a time: there are few cores, and the tests share what they build.
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          pool: 'forks',
          fileParallelism: false,
        },
      },
    ],
  },
});
