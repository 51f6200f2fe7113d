// A disk that is still erasing itself, also after a power cut: it can be neither read nor written before it is done.
import { DeployError } from '../../protocol/errors.ts';
import { listDevicesBelow } from '../blockdev/devices-below.ts';
import { readRunningErase } from './sanitize.ts';

/** How far a sanitize is that was begun before, in percent; null where none runs. Also of the disks that an array or a mapping lies on. */
export async function readErasedPercent(path: string): Promise<number | null> {
  for (const { devicePath } of await listDevicesBelow(path)) {
    const running = await readRunningErase(devicePath);
    if (running !== null) return Math.floor(running.fraction * 100);
  }
  return null;
}

/** In words that follow the disk's name. */
export function describeErasing(percent: number): string {
  return `is erasing itself, ${percent} % done: until then it can be neither read nor written`;
}

/** @throws DeployError disk-erasing */
export async function refuseErasing(path: string, label: string): Promise<void> {
  const percent = await readErasedPercent(path);
  if (percent === null) return;
  throw new DeployError('disk-erasing', `${label} ${describeErasing(percent)}`, {
    hint: 'Nothing stops this sanitize, which was begun before, and it goes on after a power cut. Wait until it is done; what was on it is gone in any case.',
  });
}
