import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { watchHardware } from '../../agent/watch/hardware-watch.ts';
import type { Nic } from '../../protocol/inventory.ts';

const pollMs = 5;
const nic: Nic = {
  ...{ name: 'eth0', mac: '52:54:00:00:00:01', driver: 'e1000', link: false, speedMbps: null, duplex: null },
  ...{ addresses: [], boot: false, errors: 0, result: null },
};

const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true }))));

/** A machine with one disk and one NIC that is watched; the watch goes on after the test, unseen. */
class Watched {
  nicOf: (look: number) => Nic = () => nic;
  looks = 0;
  /** At which look each change was told. */
  readonly told: number[] = [];
  readonly #sysfs: string;

  private constructor(sysfs: string) {
    this.#sysfs = sysfs;
  }

  static async start(): Promise<Watched> {
    const sysfs = await mkdtemp(join(tmpdir(), 'sysfs-'));
    folders.push(sysfs);
    const watched = new Watched(sysfs);
    await watched.addDisk('sda', 1);
    const listNics = async () => [watched.nicOf(++watched.looks)];
    void watchHardware({ sysfs, pollMs, listNics, onChange: async () => void watched.told.push(watched.looks) });
    await watched.look(2);
    return watched;
  }

  async addDisk(name: string, diskseq: number): Promise<void> {
    const folder = join(this.#sysfs, 'class/block', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'size'), '2048\n');
    await writeFile(join(folder, 'diskseq'), `${diskseq}\n`);
  }

  /** Until it has been looked at so often again. */
  async look(times: number): Promise<void> {
    const last = this.looks + times;
    while (this.looks < last) await sleep(pollMs);
  }
}

it('tells a disk that comes, another one of the same name, and a link', async () => {
  const watched = await Watched.start();
  const tells = async (change: () => unknown) => {
    const before = watched.told.length;
    await change();
    await watched.look(8);
    return watched.told.length > before;
  };
  expect(await tells(() => watched.addDisk('sdb', 2))).toBe(true);
  expect(await tells(() => watched.addDisk('sdb', 3))).toBe(true);
  expect(await tells(() => (watched.nicOf = () => ({ ...nic, link: true })))).toBe(true);
  expect(await tells(() => {})).toBe(false);
});

it('tells nothing of errors that are counted', async () => {
  const watched = await Watched.start();
  watched.nicOf = (look) => ({ ...nic, errors: look });
  await watched.look(8);
  expect(watched.told).toEqual([]);
});

it('waits until a change has settled, and tells it once', async () => {
  const watched = await Watched.start();
  const last = watched.looks + 8;
  watched.nicOf = (look) => ({ ...nic, addresses: [`10.0.0.${Math.min(look, last)}`] });
  await watched.look(14);
  expect(watched.told).toEqual([last + 1]);
});
