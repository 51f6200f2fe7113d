// Every way into the Deploy-OS, up to a finished job: firmware, boot loader, DHCP, NICs and ports as boot-cases.ts has them.
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BuildCache, defaultCacheDir } from '../../initramfs/build-cache.ts';
import { fetchIngredients } from '../../initramfs/ingredients.ts';
import { AddressServer } from '../../scripts/lab/address-server.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { serverAddress } from '../../scripts/lab/network-namespace.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { type BootCase, bootCases, firstEphemeralPort, nicDrivers } from './boot-cases.ts';

const disk = { bus: 'sata', serial: 'LAB-BOOT', content: { blankBytes: 64 * 1024 * 1024 } } as const;
const bootWithinMs = 240_000;
const jobWithinMs = 120_000;
const goOnWithinMs = 150_000;
const stuckSeconds = 20;
/** A shell on the serial line, to stop an agent by. */
const shellArgs = `deploy.shell deploy.watchdog=${stuckSeconds}`;
const shellPrompt = 'Please press Enter to activate this console';
const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');
const guide = path.join(import.meta.dirname, '../../docs/operations/network-boot-your-dhcp-server.md');

/** Whose address it is tells whose DHCP server has answered. */
const mediumAddress = '10.77.0.50';
const addresses = {
  full: /^10\.77\.0\.1\d\d/,
  proxy: /^10\.77\.0\.2\d\d/,
  own: /^10\.77\.0\.2\d\d/,
  none: /^10\.77\.0\.50/,
};

const numberOf = (row: BootCase) => `${bootCases.indexOf(row) + 1}`.padStart(2, '0');
const uuidOf = (row: BootCase) => `5d0b1a4e-0003-4000-8000-0000000000${numberOf(row)}`;
const overlays = { firmware: '1 firmware files, 0 modules', 'firmware and modules': '1 firmware files, 1 modules' };
/** An argument of a profile, of which the screen speaks. */
const noNic = 'deploy.nic=lab9';

/** Of the form that the kernel's driver wants (drivers/net/ethernet/intel/e100.c): 134 words, which QEMU ignores, and three of their numbers. */
async function writeFirmware(file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, Buffer.alloc(134 * 4 + 3));
}

/** One that the Deploy-OS does not have, signed by Debian. */
async function copyModule(overlay: string, module: string): Promise<void> {
  const { kernel, release } = await fetchIngredients({
    architecture: 'amd64',
    cache: new BuildCache(defaultCacheDir()),
  });
  const folder = path.join(overlay, 'lib/modules', release);
  await mkdir(folder, { recursive: true });
  const from = path.join(kernel.dir, 'lib/modules', release, 'kernel', module);
  await copyFile(from, path.join(folder, path.basename(module)));
}

/** Where the cells of VGA's text mode lie: a character and its attribute each. */
const vgaText = 0xb8000;

const isMedium = (by: BootCase['by']) => by === 'cd' || by === 'usb';

/** What docs/operations/network-boot-your-dhcp-server.md tells the administrator of a dnsmasq to write, for the lab's server. */
function readGuide(): string[] {
  const lines = /^```dnsmasq\n(.*?)^```$/ms.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  return lines.replaceAll('10.0.0.1', serverAddress).trim().split('\n');
}

describe('a machine boots into the Deploy-OS, registers and does its job', () => {
  let site: Site;
  let other: AddressServer | undefined;
  let [{ dhcp, port }] = bootCases as [BootCase];
  let failed = false;

  beforeAll(async () => {
    const folder = await Site.makeFolder();
    await buildBootFiles(folder, 'to the log');
    site = await Site.open(folder, { port, kernelArgs: shellArgs });
    await addProfile('firmware');
    await addProfile('firmware and modules');
  });

  afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

  test.each(bootCases.filter(({ seldom }) => seldom !== true || runsAll))(
    '$firmware, $name, DHCP $dhcp, port $port, $nic',
    async (row) => {
      failed = true;
      await serve(row);
      if (row.by === 'undionly') await tellAll('undionly.kpxe');
      const log = path.join(site.folder, 'server.log');
      const before = readFileSync(log, 'utf8').length;
      await using machine = await site.powerOn(await furnish(row));
      const hear = () => readFileSync(log, 'utf8').slice(before);
      if (row.by === 'undionly') {
        await machine.waitUntil('iPXE to be sent', bootWithinMs, async () => hear().includes(`${row.said[0]}`));
        await tellApart();
      }
      // Asking the server takes a processor's time from the machine; its log is free.
      await machine.waitUntil('its agent to connect', bootWithinMs, async () => hear().includes('"agent connected"'));
      const { id, inventory, state } = await site.waitForAgent(machine);
      expect(state).toBe(row.by === 'cd' ? 'approved' : 'pending');
      const said = hear();
      const places = row.said.map((text) => said.indexOf(text));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const text of row.unsaid) expect(said).not.toContain(text);
      const warned = readFileSync(log, 'utf8').includes(`port ${row.port} lies in this system's ephemeral range`);
      expect(warned).toBe(row.port >= firstEphemeralPort);
      expect(inventory).toMatchObject({
        firmware: row.firmware === 'bios' ? 'bios' : 'uefi',
        secureBoot: row.firmware === 'uefi-secure-boot',
        watchdog: `iTCO_wdt, resets the machine when the agent is stuck for ${dhcp === 'full' ? stuckSeconds : 120} s`,
      });
      expect(inventory?.disks.map(({ serial }) => serial)).toContain('LAB-BOOT');
      const nics = inventory?.nics.map(({ driver, link, boot }) => ({ driver, link, boot }));
      expect(nics).toHaveLength(row.addOn === undefined ? 1 : 2);
      expect(nics).toContainEqual({ driver: nicDrivers[row.nic], link: true, boot: !isMedium(row.by) });
      if (row.addOn !== undefined)
        expect(nics).toContainEqual({ driver: nicDrivers[row.addOn], link: true, boot: false });
      const nic = inventory?.nics.find(({ driver }) => driver === nicDrivers[row.nic]);
      expect(nic?.addresses.join()).toMatch(addresses[row.dhcp]);
      const onScreen = machine.readSerial();
      expect(/deploy-os: overlay: (.*)/.exec(onScreen)?.[1]).toBe(row.profile && overlays[row.profile]);
      expect(onScreen.includes(`${noNic}: this machine has no such NIC`)).toBe(row.profile !== undefined);
      if (row.by === 'usb') await expectJapanese(machine);
      await checkDisks(row, id);
      if (row.watchdog) await expectReset(machine);
      failed = false;
    },
  );

  /** The stick asks for it. VGA's text can be read: a cell whose attribute has bit 3 is of the upper half of 512 characters, where the halves of wide ones are. */
  async function expectJapanese(machine: Machine): Promise<void> {
    await machine.waitForSerial('管理者の承認を待っています', jobWithinMs);
    const file = path.join(site.folder, 'screen.bin');
    await machine.waitUntil('Japanese on the screen', jobWithinMs, async () => {
      await machine.control('pmemsave', { val: vgaText, size: 80 * 25 * 2, filename: file });
      const halves = readFileSync(file).filter((byte, i) => i % 2 === 1 && (byte & 8) !== 0);
      return halves.length > 60 && halves.length % 2 === 0;
    });
  }

  /** For the rows that want it, by their UUIDs. */
  async function addProfile(name: NonNullable<BootCase['profile']>): Promise<void> {
    const from = path.join(site.folder, name);
    await writeFirmware(path.join(from, 'lib/firmware/e100/d102e_ucode.bin'));
    if (name === 'firmware and modules') await copyModule(from, 'drivers/net/dummy.ko.xz');
    await runCommand(deployOs, ['build', '--overlay', from, '--out', `${from}.cpio`]);
    const rules = bootCases.flatMap((row) => (row.profile === name ? ['--rule', `uuid=${uuidOf(row)}`] : []));
    const flags = ['--overlay', `${from}.cpio`, '--arguments', noNic, ...rules];
    await site.server.ask('boot-profile', 'add', name, ...flags);
  }

  /** The cheapest job that there is. */
  async function checkDisks(row: BootCase, id: string): Promise<void> {
    await site.server.ask('machine', 'approve', id);
    const job = await site.startJob(`check-${bootCases.indexOf(row)}`, ['--check', '--end', 'wait'], id);
    const { results } = await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
    expect(results).toMatchObject([{ kind: 'check', figures: { unreadable: 0 } }]);
  }

  /**
   * Its agent is stopped: the watchdog resets it. Approved and without a job, the firmware goes on to what comes after the network; there is
   * nothing on its disk here.
   */
  async function expectReset(machine: Machine): Promise<void> {
    await machine.waitForSerial(shellPrompt, goOnWithinMs);
    const line = await machine.openSerial();
    line.type('\nkill -STOP $(pidof node)\n');
    await machine.waitUntil('the shell to take it', goOnWithinMs, async () => /pidof node\)\s+\/ #/.test(line.heard));
    line.close();
    const from = machine.readSerial().length;
    await machine.waitUntil('the firmware to go on', goOnWithinMs, async () => {
      return /booting from its own disk.*BdsDxe: loading Boot/s.test(machine.readSerial().slice(from));
    });
  }

  /** Once for all rows of one kind, which stand together. */
  async function serve(wanted: Pick<BootCase, 'dhcp' | 'port'>): Promise<void> {
    if (wanted.dhcp === dhcp && wanted.port === port) return;
    await site.server.stop();
    ({ dhcp, port } = wanted);
    if (dhcp === 'own') await tellApart();
    else await startOther(dhcp === 'proxy' ? [] : null);
    await site.server.restart({ dhcp: dhcp === 'own' ? 'tftp' : dhcp, port, kernelArgs: '' });
  }

  const tellApart = () => startOther(readGuide());
  const tellAll = (file: string) => startOther([`dhcp-boot=${file},,${serverAddress}`]);

  /** The site's own DHCP server anew, with these lines more; none at all when they are null. */
  async function startOther(lines: readonly string[] | null): Promise<void> {
    await other?.stop();
    const log = path.join(site.folder, 'dhcp.log');
    other = lines === null ? undefined : await AddressServer.start(site.network, log, lines);
  }

  async function furnish(row: BootCase): Promise<MachineSpec> {
    const { firmware, by, nic, addOn, watchdog, cpus = 2, memoryMiB = 512 } = row;
    const number = numberOf(row);
    const spec = await site.furnish(`boot-${number}`, {
      firmware,
      bootFrom: isMedium(by) ? 'disk' : 'network',
      ...(by === 'pxe' || by === 'http' ? { networkBoot: by } : {}),
      uuid: uuidOf(row),
      cpus,
      ...(watchdog === undefined ? {} : { watchdog }),
      memoryMiB,
      disks: [disk],
      nics: [
        ...(addOn === undefined ? [] : [{ mac: `52:54:00:77:${number}:01`, model: addOn, behind: 'nobody' as const }]),
        { mac: `52:54:00:77:${number}:00`, model: nic, ...(by === 'ipxe' ? { rom: by } : {}) },
      ],
    });
    return by === 'cd' || by === 'usb'
      ? { ...spec, disks: [{ bus: by, file: await fetchMedium(row), slot: 2 }, ...spec.disks] }
      : spec;
  }

  /** The ISO as an administrator gets it from this server; with the secret of an enrolment its machine needs no approval. */
  async function fetchMedium({ by }: BootCase): Promise<string> {
    const out = path.join(site.folder, `${by}.iso`);
    const own = by === 'cd' ? ['--secret'] : ['--options', 'deploy.language=ja'];
    const flags = ['--ip', `${mediumAddress}/24`, '--for', site.server.url, ...own];
    await site.server.ask('medium', 'download', '--out', out, ...flags);
    return out;
  }
});
