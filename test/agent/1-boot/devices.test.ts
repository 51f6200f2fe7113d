import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { waitForDrivers } from '../../../agent/1-boot/devices.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

it('looks at nothing before the machine has its drivers, and gives up on what never says so', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'devices-settled');
    let there = false;
    const waited = waitForDrivers(file, 10_000).then(() => there);
    await sleep(50);
    there = true;
    await writeFile(file, '');
    expect(await waited).toBe(true);
    const startMs = performance.now();
    await waitForDrivers(path.join(directory, 'none'), 60);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(59);
  });
});
