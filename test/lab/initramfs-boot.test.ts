// The Deploy-OS by itself, from its ISO: PID 1, udev, Node, native module and worker, with a stand-in for the agent.
import { copyFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDeployOs } from '../../initramfs/build.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { NetworkNamespace } from '../../scripts/lab/network-namespace.ts';
import { Machine } from '../../scripts/lab/qemu.ts';
import { Site } from '../../scripts/lab/site.ts';
import { run } from '../fixtures/run.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/initramfs');
const bootWithinMs = 300_000;
const shellPrompt = 'Please press Enter to activate this console';
const blake3OfNothing = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';

type Boot = Pick<MachineSpec, 'firmware' | 'memoryMiB'> & {
  readonly name: string;
  readonly bus: 'sata' | 'usb';
  readonly kernelOptions: string;
  readonly shell: boolean;
};

// A stick and a SATA disk, both firmwares, the least memory and the usual, with a shell and without: two boots hold all of it.
const boots: readonly Boot[] = [
  { name: 'small-memory', bus: 'usb', memoryMiB: 320, kernelOptions: 'deploy.shell', shell: true },
  { name: 'secure-boot', firmware: 'uefi-secure-boot', bus: 'sata', memoryMiB: 512, kernelOptions: '', shell: false },
];

/** As an editor of Windows leaves them. */
const settings =
  "# mine\r\nserver=https://10.0.0.1:7433\r\nip=10.0.0.5/24,10.0.0.1\r\nnic=52:54:00:00:00:01\r\noptions='a=1 b=2'\r\n";
const settingsWords =
  'deploy.server=https://10.0.0.1:7433 deploy.ip=10.0.0.5/24,10.0.0.1 deploy.nic=52:54:00:00:00:01 a=1 b=2';

/** Edits deploy-os.conf on the medium, in the partition that has it. */
async function writeSettings(medium: string): Promise<void> {
  const { partitiontable } = JSON.parse(await run('sfdisk', '--json', medium)) as {
    partitiontable: { partitions: { start: number }[] };
  };
  const place = `${medium}@@${(partitiontable.partitions[2]?.start ?? 0) * 512}`;
  expect(await run('mtype', '-i', place, '::/deploy-os.conf')).toContain('#server=');
  const edited = `${medium}.conf`;
  await writeFile(edited, settings);
  await run('mcopy', '-o', '-i', place, edited, '::/deploy-os.conf');
}

describe('the Deploy-OS', () => {
  let folder: string;
  let network: NetworkNamespace;

  beforeAll(async () => {
    folder = await Site.makeFolder();
    network = await NetworkNamespace.create();
  });

  afterAll(async () => {
    network?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(boots)('boots from its ISO, restarts its agent and powers off: $name', async (boot) => {
    const outDir = path.join(folder, `${boot.name}.out`);
    await buildDeployOs({
      outDir,
      agentEntry: path.join(fixtures, 'agent.ts'),
      workerEntry: path.join(fixtures, 'worker.ts'),
      isoKernelOptions: boot.kernelOptions,
    });
    const file = path.join(folder, `${boot.name}.iso`);
    await copyFile(path.join(outDir, 'deploy-os.iso'), file);
    await writeSettings(file);
    const { name, firmware = 'bios', memoryMiB = 512 } = boot;
    const disks = [{ file, bus: boot.bus, serial: 'STICK1' }];
    const spec: MachineSpec = { name, firmware, memoryMiB, bootFrom: 'disk', disks, nics: [] };
    await using machine = await Machine.start(spec, network, folder);
    await machine.waitForPowerOff(bootWithinMs);

    const said = machine.readSerial();
    expect(said).toContain(`stand-in: start 1, node ${process.version}`);
    // What a person has set comes after what the medium was made with.
    expect(said).toMatch(
      new RegExp(`stand-in: command line .*${boot.kernelOptions}.* ${settingsWords} deploy.medium=`),
    );
    expect(said).toMatch(/stand-in: disks .*STICK1/);
    expect(said).toContain(`stand-in: blake3 ${blake3OfNothing}`);
    expect(said).toContain('stand-in: worker compressed 33554432');
    expect(said).toMatch(/stand-in: [1-9]\d programs, missing , unable , small \./);
    // The boot medium is no disk where it is removable; a virtual SATA disk answers SMART.
    if (boot.bus === 'sata') {
      expect(said).toContain('stand-in: health of sata STICK1: true');
      expect(said).toContain('stand-in: hidden on sata STICK1: 0');
      // A virtual disk knows no TRUSTED RECEIVE.
      expect(said).toContain('stand-in: locks of sata STICK1: ata none, opal none');
    }
    expect(said).toMatch(/stand-in: mounts (xfs,btrfs|btrfs,xfs)/);
    expect(said).toContain('stand-in: orphan of 1 reaped');
    expect(said).toMatch(/the agent ended with status 3 after \d+ s; starting it again in 1 s/);
    expect(said.includes(shellPrompt)).toBe(boot.shell);
  });
});
