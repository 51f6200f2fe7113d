// The step `check` on files for disks, with programs in the place of smartctl.
import { chmod, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkDisks } from '../../../agent/5-job/check-step.ts';
import { fitResults } from '../../../agent/5-job/fit-results.ts';
import type { StepRun } from '../../../agent/5-job/step.ts';
import type { Disk } from '../../../imaging/blockdev/disk.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { checkedDisksSchema } from '../../../protocol/disk-check.ts';
import { offlineContext } from '../../fixtures/agent/offline-context.ts';
import { makeChecked } from '../../fixtures/checked-disks.ts';
import { makeDisk } from '../../fixtures/make-disk.ts';

let folder: string;
const searchPath = process.env.PATH;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-check-'));
  await writeFile(path.join(folder, 'blank'), '');
  await truncate(path.join(folder, 'blank'), 2 ** 20);
});
afterAll(async () => {
  process.env.PATH = searchPath;
  await rm(folder, { recursive: true });
});

/** From now on smartctl is this shell script. */
async function install(script: string): Promise<void> {
  const file = path.join(folder, 'smartctl');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  process.env.PATH = `${folder}:${searchPath}`;
}

async function check(disks: readonly Disk[], signal = new AbortController().signal) {
  const warnings: string[] = [];
  const log: string[] = [];
  const step: StepRun = {
    ...{ store: openMemoryStore(), stepId: 's', log: (_, message) => log.push(message) },
    context: offlineContext(async () => [...disks]),
    run: { onProgress: () => {}, onWarning: (message) => warnings.push(message), onFinding: () => {}, signal },
  };
  const { checked, figures } = await checkDisks(step);
  return { disks: checkedDisksSchema.parse(checked), figures, warnings, log };
}

const blank = (number: number, facts: Partial<Disk> = {}) =>
  makeDisk(number, { devicePath: path.join(folder, 'blank'), sizeBytes: 2 ** 20, ...facts });

it('reports each disk with what is on it and its health, and one line of the log for each', async () => {
  await install(`echo '{"smart_status":{"passed":false},"temperature":{"current":55}}'; exit 8`);
  const { disks, figures, warnings, log } = await check([blank(1)]);
  expect(disks).toMatchObject([
    {
      ...{ id: 'serial-QEMU-S1', readError: null, health: { passed: false, temperatureCelsius: 55 } },
      map: {
        table: 'none',
        usedBytes: 2 ** 20,
        partitions: [{ number: 0, reader: 'raw', notes: [] }],
      },
    },
  ]);
  expect(figures).toMatchObject({ disks: 1, unreadable: 0, failing: 1, usedBytes: 2 ** 20 });
  expect(warnings.join('\n')).toContain('says that it is failing');
  expect(log).toEqual([expect.stringMatching(/^disk 1 .*: no partition table, 1.0 MiB used; the whole disk: unknown/)]);
});

it('reports a disk that cannot be read with the reason, and looks at the others', async () => {
  const { disks, figures } = await check([makeDisk(1, { devicePath: '/nonexistent' }), blank(2)]);
  expect(disks.map(({ map, readError }) => [map === null, readError === null])).toEqual([
    [true, false],
    [false, true],
  ]);
  expect(figures).toMatchObject({ disks: 2, unreadable: 1 });
});

it('asks every member of an array, and takes the worst of what they say', async () => {
  await install(
    `case "$5" in *bad) echo '{"smart_status":{"passed":false}}'; exit 8;; *) echo '{"smart_status":{"passed":true}}';; esac`,
  );
  const part = (devicePath: string) => ({ devicePath, model: null, serial: null, place: '', state: null, role: null });
  const array = (...parts: string[]) => blank(1, { kind: 'array', parts: parts.map(part) });
  expect((await check([array('/dev/a', '/dev/b')])).disks[0]?.health?.passed).toBe(true);
  expect((await check([array('/dev/a', '/dev/bad')])).disks[0]?.health?.passed).toBe(false);
});

it.each([
  ['exit 2', 'cannot open the disk'],
  ['echo nonsense', 'prints something else'],
  ['kill -9 $$', 'dies'],
  ['head -c 2000000 /dev/zero', 'prints too much'],
])('knows nothing of the health when smartctl: %s', async (script) => {
  await install(script);
  expect((await check([blank(1)])).disks[0]?.health).toBe(null);
});

it('stops when it is told to', async () => {
  await expect(check([blank(1)], AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
});

it('leaves out what was read, then the disks, where a report is too large for one frame, and says so', () => {
  const result = { kind: 'check' as const, figures: {}, secondsByPhase: {}, warnings: [], disks: [makeChecked(1)] };
  const [size, small] = [result.disks, result.disks.map((disk) => ({ ...disk, map: null }))].map(
    (disks) => JSON.stringify(disks).length,
  ) as [number, number];
  expect(fitResults([result], size)).toEqual([result]);
  const [cut] = fitResults([result], size - 1);
  expect(cut?.disks).toMatchObject([
    { id: 'serial-QEMU-S1', map: null, readError: expect.stringContaining('left out') },
  ]);
  const [none] = fitResults([result], small - 1);
  expect(none).toEqual({ ...result, disks: undefined, warnings: [expect.stringContaining('too large')] });
});
