// Every way into the Deploy-OS, up to a registered agent: firmware, boot loader, DHCP and NICs as boot-cases.ts has them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressServer } from '../../scripts/lab/address-server.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { serverAddress } from '../../scripts/lab/network-namespace.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { type BootCase, bootCases, nicDrivers } from './boot-cases.ts';

const disk = { bus: 'sata', serial: 'LAB-BOOT', content: { blankBytes: 64 * 1024 * 1024 } } as const;
/** Some four minutes without, six with the rows that are run seldom. */
const all = process.env.DEPLOY_OS_LAB_WAYS === 'all';
const bootWithinMs = 240_000;
const goOnWithinMs = 120_000;
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

const isMedium = (by: BootCase['by']) => by === 'cd' || by === 'usb';

/** What docs/operations/network-boot-your-dhcp-server.md tells the administrator of a dnsmasq to write, for the lab's server. */
function readGuide(): string[] {
  const lines = /^```dnsmasq\n(.*?)^```$/ms.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  return lines.replaceAll('10.0.0.1', serverAddress).trim().split('\n');
}

describe('a machine boots into the Deploy-OS and registers', () => {
  let site: Site;
  let other: AddressServer | undefined;
  let dhcp: BootCase['dhcp'] = 'full';
  let failed = false;

  beforeAll(async () => {
    const folder = await Site.makeFolder();
    await buildBootFiles(folder, 'to the log');
    site = await Site.open(folder);
  });

  afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

  test.each(bootCases.filter(({ seldom }) => seldom !== true || all))(
    '$firmware, $name, DHCP $dhcp, $nics',
    async (row) => {
      failed = true;
      await useDhcp(row.dhcp);
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
      const { id, inventory } = await site.waitForAgent(machine);
      const said = hear();
      const places = row.said.map((text) => said.indexOf(text));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const text of row.unsaid) expect(said).not.toContain(text);
      expect(inventory).toMatchObject({
        firmware: row.firmware === 'bios' ? 'bios' : 'uefi',
        secureBoot: row.firmware === 'uefi-secure-boot',
      });
      expect(inventory?.disks.map(({ serial }) => serial)).toContain('LAB-BOOT');
      expect(inventory?.nics.map(({ driver, link }) => [driver, link]).toSorted()).toEqual(
        row.nics.map((model) => [nicDrivers[model], true]).toSorted(),
      );
      const nic = inventory?.nics.find(({ driver }) => driver === nicDrivers[row.nics[0]]);
      expect(nic?.boot).toBe(!isMedium(row.by));
      expect(nic?.addresses.join()).toMatch(addresses[row.dhcp]);
      if (row.afterwards === 'own disk') await expectOwnDisk(machine, id);
      failed = false;
    },
  );

  /** Approved and without a job: at its next boot the firmware goes on to what comes after the network; there is nothing on its disk here. */
  async function expectOwnDisk(machine: Machine, id: string): Promise<void> {
    await site.server.ask('machine', 'approve', id);
    const from = machine.readSerial().length;
    await machine.control('system_reset');
    await machine.waitUntil('the firmware to go on', goOnWithinMs, async () => {
      return /booting from its own disk.*BdsDxe: loading Boot/s.test(machine.readSerial().slice(from));
    });
  }

  /** Once for all rows of one kind, which stand together. */
  async function useDhcp(wanted: BootCase['dhcp']): Promise<void> {
    if (wanted === dhcp) return;
    await site.server.stop();
    if (wanted === 'own') await tellApart();
    else await startOther(wanted === 'proxy' ? [] : null);
    await site.server.restart(wanted === 'own' ? 'tftp' : wanted);
    dhcp = wanted;
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
    const { firmware, by, nics } = row;
    const number = `${bootCases.indexOf(row) + 1}`.padStart(2, '0');
    const spec = await site.furnish(`boot-${number}`, {
      firmware,
      bootFrom: isMedium(by) ? 'disk' : 'network',
      ...(by === 'pxe' || by === 'http' ? { networkBoot: by } : {}),
      uuid: `5d0b1a4e-0003-4000-8000-0000000000${number}`,
      memoryMiB: 512,
      disks: [disk],
      nics: nics.map((model, i) => {
        return { mac: `52:54:00:77:${number}:0${i}`, model, ...(by === 'ipxe' ? { rom: by } : {}) };
      }),
    });
    return by === 'cd' || by === 'usb'
      ? { ...spec, disks: [{ bus: by, file: await buildMedium(), slot: 2 }, ...spec.disks] }
      : spec;
  }

  /** The ISO as an administrator makes it for this server; answers where it is. */
  async function buildMedium(): Promise<string> {
    const folder = path.join(site.folder, 'medium');
    const ca = /CA (sha256:[0-9a-f]{64})/.exec(readFileSync(path.join(site.folder, 'server.log'), 'utf8'))?.[1] ?? '';
    const server = ['--server', site.server.url, '--ca', ca, '--ip', `${mediumAddress}/24`];
    await runCommand(deployOs, ['build', '--out', folder, ...server], {
      logPath: path.join(site.folder, 'medium.log'),
    });
    return path.join(folder, 'deploy-os.iso');
  }
});
