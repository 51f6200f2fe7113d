// Every way into the Deploy-OS, up to a finished job: firmware, boot loader, DHCP, NICs and ports as boot-cases.ts has them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressServer } from '../../scripts/lab/address-server.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { serverAddress } from '../../scripts/lab/network-namespace.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { runCommand } from '../../scripts/lab/run-command.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { type BootCase, bootCases, firstEphemeralPort, nicDrivers } from './boot-cases.ts';

const disk = { bus: 'sata', serial: 'LAB-BOOT', content: { blankBytes: 64 * 1024 * 1024 } } as const;
/** Some four minutes without, six with the rows that are run seldom. */
const all = process.env.DEPLOY_OS_LAB_WAYS === 'all';
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
  });

  afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

  test.each(bootCases.filter(({ seldom }) => seldom !== true || all))(
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
      const { id, inventory } = await site.waitForAgent(machine);
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
      await checkDisks(row, id);
      if (row.watchdog) await expectReset(machine);
      failed = false;
    },
  );

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
    const number = `${bootCases.indexOf(row) + 1}`.padStart(2, '0');
    const spec = await site.furnish(`boot-${number}`, {
      firmware,
      bootFrom: isMedium(by) ? 'disk' : 'network',
      ...(by === 'pxe' || by === 'http' ? { networkBoot: by } : {}),
      uuid: `5d0b1a4e-0003-4000-8000-0000000000${number}`,
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
