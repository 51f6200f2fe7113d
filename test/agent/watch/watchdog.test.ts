// The machine's watchdog is fed by the agent's loop, and disarmed at a clean end; files stand in for the device and what sysfs says of it.
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Watchdog } from '../../../agent/watch/watchdog.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

type Facts = { readonly identity: string; readonly timeout: number; readonly nowayout?: 0 | 1 };

async function withDevices<T>(devices: readonly Facts[], use: (root: string) => Promise<T>): Promise<T> {
  return await withTempDirectory(async (root) => {
    await mkdir(path.join(root, 'dev'), { recursive: true });
    for (const [i, { identity, timeout, nowayout = 0 }] of devices.entries()) {
      const folder = path.join(root, 'sys/class/watchdog', `watchdog${i}`);
      await mkdir(folder, { recursive: true });
      for (const [name, value] of Object.entries({ identity, timeout, nowayout }))
        await writeFile(path.join(folder, name), `${value}\n`);
    }
    return await use(root);
  });
}

const written = (root: string, name = 'watchdog0') => readFile(path.join(root, 'dev', name), 'latin1');
const stubborn = { identity: 'iTCO_wdt', timeout: 1 };

test('it is fed four times in its time, by what the agent itself does, and disarmed at the end', async () => {
  await withDevices([stubborn], async (root) => {
    const log = vi.fn();
    const watchdog = await Watchdog.start(1, log, root);
    expect(log).toHaveBeenCalledWith('info', 'watchdog: iTCO_wdt, resets the machine when the agent is stuck for 1 s');
    await sleep(600);
    const fed = await written(root);
    expect(fed).toMatch(/^\0{2,4}$/);
    // A loop that is stuck feeds nothing.
    const untilMs = performance.now() + 600;
    while (performance.now() < untilMs);
    expect(readFileSync(path.join(root, 'dev/watchdog0'), 'latin1')).toBe(fed);
    expect(await watchdog?.stop()).toBe(true);
    const last = await written(root);
    expect(last).toMatch(/^\0+V$/);
    await sleep(400);
    expect(await written(root)).toBe(last);
  });
});

test('one of hardware is taken before the kernel’s own', async () => {
  const devices = [
    { identity: 'Software Watchdog', timeout: 60 },
    { identity: 'i6300ESB timer', timeout: 60 },
  ];
  await withDevices(devices, async (root) => {
    const watchdog = await Watchdog.start(60, vi.fn(), root);
    expect(watchdog?.words).toBe('i6300ESB timer, resets the machine when the agent is stuck for 60 s');
    expect(await written(root, 'watchdog1')).toBe('\0');
    await watchdog?.stop();
  });
});

test('one that cannot have the time that is wanted keeps its own, and one that cannot be disarmed says so', async () => {
  await withDevices([{ ...stubborn, timeout: 30, nowayout: 1 }], async (root) => {
    const watchdog = await Watchdog.start(3600, vi.fn(), root);
    expect(watchdog?.device.timeoutSeconds).toBe(30);
    expect(await watchdog?.canStop()).toBe(false);
    expect(await watchdog?.stop()).toBe(false);
  });
});

test('none, one that is not wanted and one that cannot be opened are no reason to stop', async () => {
  const log = vi.fn();
  await withDevices([stubborn], async (root) => {
    expect(await Watchdog.start(null, log, root)).toBe(null);
    expect(log).toHaveBeenLastCalledWith('info', 'the watchdog is left alone: deploy.watchdog=off');
    await mkdir(path.join(root, 'dev/watchdog0'));
    expect(await Watchdog.start(1, log, root)).toBe(null);
    expect(log).toHaveBeenLastCalledWith('warning', expect.stringMatching(/^the watchdog cannot be used: EISDIR/));
  });
});
