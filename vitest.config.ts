import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, first: none of these is to be left alone at the end, with a processor idle. Measured; the order of the rest matters little. */
const slowest = [
  ...['machine-disk', 'soak', 'reproducible-build', 'faults/troubled-s3', 'xfs', 'faults/doctor', 'btrfs', 'import'],
  ...['lvm', 'agent-jobs', 'ext', 'f2fs', 'fuzz', 'flood', 'partitions'],
  ...[
    's3-store',
    'encrypted-images',
    'ntfs',
    'grow-volumes',
    'new-ids-volumes',
    'grow',
    'shrink',
    'fit',
    'exfat',
    'fat',
  ],
  ...['lab/first-light', 'lab/arrays', 'lab/boot', 'lab/console'],
].map((name) => `/${name}.test.ts`);

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isUnit = ({ project }: TestSpecification) => project.name === 'unit';
    const rank = (file: TestSpecification) => {
      const place = isUnit(file) ? -1 : slowest.findIndex((name) => file.moduleId.endsWith(name));
      return place === -1 ? slowest.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** The tests that have a server, or a database of their own. */
const withDatabase = globSync('test/server/**/*.test.ts', { cwd: import.meta.dirname }).filter((file) =>
  /TestServer|newDatabase|emptyDatabase|AgentScene|OpenIdScene/.test(
    readFileSync(path.join(import.meta.dirname, file), 'utf8'),
  ),
);

export default defineConfig({
  test: {
    // Vitest leaves one core idle by itself, which of two is half.
    maxWorkers: '100%',
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        // Files share what is loaded, a process each for as many as there are processors: nothing is to be left behind in a module.
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/conformance/**', 'test/faults/**', 'test/console/pages/**'],
          testTimeout: 60_000,
          pool: 'forks',
          isolate: false,
        },
      },
      {
        // What takes seconds a test: suites over real file systems, stores and servers, and faults put into them.
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts', 'test/faults/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          pool: 'forks',
          // Many wait for services, loop devices and tools: half as many again as there are processors keep these busy.
          maxWorkers: Math.ceil(availableParallelism() * 1.5),
          sequence: { groupOrder: 1 },
        },
      },
      {
        // The server's tests again, on PostgreSQL.
        test: {
          name: 'postgres',
          include: withDatabase,
          globalSetup: 'test/fixtures/postgres-for-all.ts',
          testTimeout: 60_000,
          pool: 'forks',
          isolate: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // The console in a real browser, which all files share.
        test: {
          name: 'console',
          include: ['test/console/pages/**/*.test.ts'],
          globalSetup: 'test/fixtures/console/browser-for-all.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          pool: 'forks',
          isolate: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // As many files at once as there are processors: most of their virtual machines have one.
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          pool: 'forks',
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
