// Notices that the machine has other disks, NICs or links than before: a stick was plugged in, a cable pulled, a LUN came late.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nic } from '../../protocol/inventory.ts';

type HardwareWatch = {
  readonly listNics: () => Promise<readonly Nic[]>;
  readonly onChange: () => Promise<void>;
  readonly pollMs?: number;
  /** Where sysfs is mounted. */
  readonly sysfs?: string;
};

/** Runs for as long as the agent does. `onChange` is called once a change has settled, which is when two looks in a row see the same. */
export async function watchHardware({ onChange, pollMs = 5000, ...from }: HardwareWatch): Promise<never> {
  let known = await look(from);
  let before = known;
  for (;;) {
    await sleep(pollMs, undefined, { ref: false });
    const now = await look(from);
    if (now !== known && now === before) {
      await onChange();
      // Looking at disks may itself have assembled an array.
      known = await look(from);
    }
    before = now;
  }
}

/** What can be read without touching a disk. Counters of errors are no change. */
async function look({ listNics, sysfs = '/sys' }: Pick<HardwareWatch, 'listNics' | 'sysfs'>): Promise<string> {
  const nics = await listNics();
  const blocks = join(sysfs, 'class/block');
  const names = (await readdir(blocks).catch(() => [])).sort();
  const attribute = (name: string, file: string) => readFile(join(blocks, name, file), 'utf8').catch(() => '');
  // The kernel numbers each disk and each medium anew (`diskseq`), so that another one of the same name is seen.
  const disks = await Promise.all(
    names.map(async (name) => [name, await attribute(name, 'size'), await attribute(name, 'diskseq')]),
  );
  return JSON.stringify([nics.map(({ errors: _, ...nic }) => nic), disks]);
}
