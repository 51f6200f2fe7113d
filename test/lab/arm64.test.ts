// The Deploy-OS for arm64: booted by UEFI from the network, up to a disk that was captured and restored. Minutes without KVM: only when all ways in are asked for.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareDisks } from '../../scripts/lab/compare-disks.ts';
import { mapDiskImage } from '../../scripts/lab/host-image.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeExtDisk, noise } from '../fixtures/disks.ts';
import { runsAll } from '../fixtures/run-all.ts';

const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');
const mib = 2 ** 20;
const bootWithinMs = 400_000;
const jobWithinMs = 200_000;

type Row = Required<Pick<MachineSpec, 'firmware' | 'networkBoot'>> & {
  readonly said: readonly string[];
  readonly captures: boolean;
};

const tftp = (file: string): string => `/boot/tftp/${file} to `;
const system = ['arm64/vmlinuz', 'arm64/initramfs.img'];
const rows: readonly Row[] = [
  {
    firmware: 'uefi-secure-boot',
    networkBoot: 'pxe',
    said: ['shimaa64.efi', 'grubaa64.efi', ...system].map(tftp),
    captures: true,
  },
  {
    firmware: 'uefi',
    networkBoot: 'http',
    said: ['"/boot/arm64/http-boot.img"', ...system.map(tftp)],
    captures: false,
  },
];

describe.skipIf(!runsAll)('an arm64 machine', () => {
  let site: Site;
  let failed = true;

  beforeAll(async () => {
    if (!existsSync('/usr/share/AAVMF/AAVMF_CODE.fd') || !existsSync('/usr/bin/qemu-system-aarch64'))
      throw new Error('arm64 machines need QEMU and firmware: apt-get install qemu-system-arm qemu-efi-aarch64');
    const folder = await Site.makeFolder();
    // Beside nothing for PCs: that is enough.
    await runCommand(deployOs, ['build', '--arch', 'arm64', '--out', path.join(folder, 'boot/arm64')], {
      logPath: path.join(folder, 'build.log'),
    });
    site = await Site.open(folder);
  });

  afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

  test.each(rows)('boots by $networkBoot, $firmware, and does its job', async (row) => {
    failed = true;
    const log = path.join(site.folder, 'server.log');
    const before = readFileSync(log, 'utf8').length;
    const hear = () => readFileSync(log, 'utf8').slice(before);
    const spec = await furnish(row);
    await using machine = await site.powerOn(spec);
    const startedMs = performance.now();
    await machine.waitUntil('its agent to connect', bootWithinMs, async () => hear().includes('"agent connected"'));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
    const { id, inventory } = await site.waitForAgent(machine);
    process.stdout.write(`arm64, ${row.networkBoot}: agent connected after ${seconds} s\n`);
    const places = row.said.map((text) => hear().indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(inventory).toMatchObject({ firmware: 'uefi', secureBoot: row.firmware === 'uefi-secure-boot' });
    expect(inventory?.nics).toMatchObject([{ driver: 'virtio_net', link: true, boot: true }]);
    await site.server.ask('machine', 'approve', id);
    if (row.captures) await captureAndRestore(spec, id);
    failed = false;
  });

  async function furnish({ firmware, networkBoot }: Row): Promise<MachineSpec> {
    const name = `arm64-${networkBoot}`;
    const blank = { bus: 'virtio', serial: 'LAB-ARM2', content: { blankBytes: 64 * mib } } as const;
    const spec = await site.furnish(name, {
      architecture: 'arm64',
      ...{ firmware, networkBoot, bootFrom: 'network', memoryMiB: 1024 },
      uuid: `5d0b1a4e-0064-4000-8000-00000000000${networkBoot === 'pxe' ? 1 : 2}`,
      disks: [blank],
      nics: [{ mac: `52:54:00:77:64:0${networkBoot === 'pxe' ? 1 : 2}`, model: 'virtio-net-pci' }],
    });
    const file = path.join(site.folder, `${name}.ext4`);
    await makeExtDisk(file, 64 * mib, { files: noise(20 * mib, name) });
    return { ...spec, disks: [{ bus: 'virtio', serial: 'LAB-ARM1', file }, ...spec.disks] };
  }

  async function captureAndRestore({ disks }: MachineSpec, id: string): Promise<void> {
    const steps = { '--capture': 'serial:LAB-ARM1', '--restore': 'serial:LAB-ARM2' };
    for (const [step, disk] of Object.entries(steps)) {
      const job = await site.startJob(`arm${step}`, [step, 'arm', '--disk', disk, '--end', 'wait'], id);
      await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
    }
    const [from, to] = disks.map(({ file }) => file) as [string, string];
    const { used } = await mapDiskImage(from);
    const { differences, comparedBytes } = await compareDisks(from, to, used);
    expect(differences).toEqual([]);
    expect(comparedBytes).toBeGreaterThan(20 * mib);
  }
});
