// The whole path once, with the server dying in the middle of both halves: capture, restore, proof, boot.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allocatedBytes, compareDisks } from '../../scripts/lab/compare-disks.ts';
import { fsckDisk } from '../../scripts/lab/fsck.ts';
import { mapDiskImage } from '../../scripts/lab/host-image.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { labMachines } from './machines.ts';
import { blankDisks, captureSmallDisks, expectRestored, restores, started } from './small-disks.ts';
import { readHostName, tinyLinuxSays } from './tiny-linux.ts';

const loginWithinMs = 240_000;
const jobWithinMs = 400_000;
const offWithinMs = 60_000;
const serverAwayMs = 4000;
const image = 'web-01';

/** A machine whose agent has registered as `id`. */
type Running = { readonly machine: Machine; readonly id: string };

describe('first light', () => {
  let site: Site;
  let source: MachineSpec;
  let target: MachineSpec;
  let running: Running;
  let failures = 0;

  beforeAll(async () => {
    const folder = await Site.makeFolder();
    await buildBootFiles(folder, 'to the log');
    site = await Site.open(folder);
    source = await site.furnish('web-01', labMachines['web-01']);
    const { disks, ...lab } = labMachines['web-02'];
    target = await site.furnish('web-02', { ...lab, disks: [...disks, ...blankDisks] });
  });

  // What a failed run leaves is its evidence.
  afterAll(() => site?.close(failures === 0 ? 'nothing' : 'everything'));

  /** A step of the path; what follows one that failed would only fail after it. */
  const step = (name: string, work: () => Promise<void>): void => {
    test(name, async (context) => {
      if (failures > 0) context.skip(`an earlier step failed; see ${site?.folder}`);
      failures++;
      await work();
      failures--;
    });
  };

  /** Boots a machine from the network, runs a scenario on it, kills the server when `phase` is a third done, and waits for the job's end. */
  async function runInterrupted(
    spec: MachineSpec,
    scenario: string,
    flags: readonly string[],
    phase: string,
  ): Promise<Running> {
    const machine = await site.powerOn(spec);
    const { id, state } = await site.waitForAgent(machine);
    expect(state).toBe('pending');
    await site.server.ask('machine', 'approve', id);
    const job = await site.startJob(scenario, flags, id);
    await site.waitForJob(
      job,
      ({ progress }) => progress?.phase === phase && progress.bytesDone > progress.bytesTotal / 3,
      jobWithinMs,
    );
    await site.server.kill();
    await sleep(serverAwayMs);
    await site.server.restart();
    const { results } = await site.waitForJob(job, (now) => now.state === 'succeeded', jobWithinMs);
    expect(results).toHaveLength(1);
    return { machine, id };
  }

  step('a disk is captured over the network although the server dies in the middle', async () => {
    const flags = ['--capture', image, '--disk', 'only', '--end', 'poweroff'];
    const { machine } = await runInterrupted(source, 'back-up', flags, 'capture');
    await machine.waitForPowerOff(offWithinMs);
  });

  step('the image lands on a blank disk of another machine although the server dies in the middle', async () => {
    const flags = ['--restore', image, '--disk', 'serial:LAB-WEB02', '--end', 'wait'];
    running = await runInterrupted(target, 'put-back', flags, 'write');
  });

  step(
    'and smaller images go onto its other disks, grown, shrunk and with new ids; a Linux among them is started at once',
    async () => {
      const { machine, id } = running;
      const small = await captureSmallDisks(site);
      for (const { image, serial, flags } of restores) {
        const asked = ['--restore', image, '--disk', `serial:${serial}`, ...flags, '--end', 'wait'];
        const job = await site.startJob(serial, asked, id);
        await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
      }
      const { hostName } = started;
      const asked = ['--restore', started.image, '--disk', `serial:${started.serial}`, '--host-name', hostName];
      await site.startJob(started.serial, [...asked, '--new-identity', '--end', 'kexec'], id);
      await machine.waitForSerial(tinyLinuxSays, jobWithinMs);
      await machine.waitForPowerOff(offWithinMs);
      expect(readHostName(target.disks.at(-1)?.file ?? '')).toBe(hostName);
      for (const [i, restore] of restores.entries()) {
        await expectRestored(target.disks[i + 1]?.file ?? '', restore, small);
      }
    },
  );

  step('every used block is equal, deleted data stayed behind, and the file systems check clean', async () => {
    const [from, to] = [source.disks[0]?.file ?? '', target.disks[0]?.file ?? ''];
    const { used } = await mapDiskImage(from);
    const { differences, comparedBytes } = await compareDisks(from, to, used);
    expect(differences).toEqual([]);
    expect(comparedBytes).toBeGreaterThan(500_000_000);
    expect((await allocatedBytes(from)) - (await allocatedBytes(to))).toBeGreaterThan(700_000_000);
    expect((await fsckDisk(to)).map(({ fileSystem }) => fileSystem)).toEqual(['vfat', 'ext4']);
  });

  step('the second machine boots from its own disk to its login prompt by BIOS', async () => {
    const machine = await site.powerOn({ ...target, bootFrom: 'disk' });
    await machine.waitForSerial('web-01 login:', loginWithinMs);
    await machine.control('system_powerdown');
    await machine.waitForPowerOff(120_000);
  });

  step('and by UEFI with Secure Boot', async () => {
    const machine = await site.powerOn({ ...target, bootFrom: 'disk', firmware: 'uefi-secure-boot' });
    await machine.waitForSerial('web-01 login:', loginWithinMs);
    await machine.kill();
  });
});
