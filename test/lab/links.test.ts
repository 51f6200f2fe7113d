// Links that are lost and come back while a disk is captured (R18): one of two joined NICs, then both, then every one of the machine. The job goes on to its
// end. The machine's clock is eleven years slow.

import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine as ManagedMachine } from '../../protocol/rest.ts';
import type { MachineSpec } from '../../scripts/lab/machine-spec.ts';
import { routed } from '../../scripts/lab/network-namespace.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { runsAll } from '../fixtures/run-all.ts';

const mib = 2 ** 20;
const seenWithinMs = 60_000;
const jobWithinMs = 120_000;
const offWithinMs = 60_000;
/** The disk is read so slowly that every link can be pulled meanwhile. */
const bytesPerSecond = mib / 2;

const macs = { first: '52:54:00:77:08:01', second: '52:54:00:77:08:02', third: '52:54:00:77:08:03' };

let site: Site;
let failed = true;

beforeAll(async () => {
  if (!runsAll) return;
  const folder = await Site.makeFolder();
  await buildBootFiles(folder, 'to the log');
  site = await Site.open(folder);
  await site.network.addRoutedSegment();
  startRoutedDhcp();
});
afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

/** Addresses for the second segment, whose router is the server; it ends with the network. */
function startRoutedDhcp(): void {
  const flags = [
    ...['keep-in-foreground', 'port=0', 'bind-interfaces', 'user=root', 'dhcp-range=10.79.0.100,10.79.0.149'],
    ...[`interface=${routed.bridgeName}`, 'pid-file=', `dhcp-leasefile=${site.folder}/routed.leases`],
  ].map((flag) => `--${flag}`);
  const [command, args] = site.network.wrapCommand('dnsmasq', ['--conf-file=/dev/null', ...flags]);
  const log = openSync(path.join(site.folder, 'routed-dhcp.log'), 'a');
  spawn(command, args, { stdio: ['ignore', log, log] });
}

async function furnish(): Promise<MachineSpec> {
  const file = path.join(site.folder, 'links.raw');
  await makeRawDisk(file, 64 * mib, [{ offsetBytes: 0, bytes: noise(48 * mib, 'links') }]);
  const { raw } = new X509Certificate(await readFile(path.join(site.folder, 'data/tls/ca.pem')));
  const words = [
    `deploy.server=${site.server.url}`,
    `deploy.ca=sha256:${createHash('sha256').update(raw).digest('hex')}`,
    `deploy.bond=bond7:${macs.first},${macs.second}:mode=active-backup,miimon=100`,
  ];
  return {
    name: 'links',
    bootFrom: 'kernel',
    kernel: {
      vmlinuz: path.join(site.folder, 'boot/vmlinuz'),
      initramfs: path.join(site.folder, 'boot/initramfs.img'),
      options: `console=ttyS0,115200 panic=-1 ${words.join(' ')}`,
    },
    uuid: '5d0b1a4e-0008-4000-8000-000000000001',
    clock: '2015-01-01',
    memoryMiB: 512,
    disks: [{ bus: 'virtio', serial: 'LAB-LINKS', file }],
    nics: [
      { mac: macs.first, model: 'e1000' },
      { mac: macs.second, model: 'virtio-net-pci' },
      { mac: macs.third, model: 'e1000', behind: 'router' },
    ],
  };
}

const throttle = (machine: Machine, bps: number): Promise<unknown> => {
  const none = { bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
  return machine.control('block_set_io_throttle', { device: 'disk0-0', bps, ...none });
};

/** Of the NICs in the order of `macs`. */
const setLink = (machine: Machine, nic: 0 | 1 | 2, up: boolean): Promise<unknown> =>
  machine.control('set_link', { name: `net${nic}`, up });

/** More than two minutes; test/agent/find-server.test.ts loses links, too, without a virtual machine. */
test.skipIf(!runsAll)(
  'a capture goes on when links are lost, one after the other and all at once, and come back',
  async () => {
    const machine = await site.powerOn(await furnish());
    await throttle(machine, bytesPerSecond);
    const { id } = await site.waitForAgent(machine);
    expect(machine.readSerial()).toMatch(/the clock of this machine is 4\d{3} days slow \(2015-01-01T/);
    expect(machine.readSerial()).not.toMatch(/cannot be made/);
    // The second member's link may come up after the machine has registered, which is told then.
    const isJoined = ({ inventory }: ManagedMachine) =>
      inventory?.nics.filter(({ link, result }) => link && result?.startsWith('part of bond7')).length === 2;
    const { inventory } = await site.waitForMachine(id, isJoined, seenWithinMs);
    const nics = inventory?.nics.map(({ name, mac, driver, result }) => ({ name, mac, driver, result })) ?? [];
    expect(nics).toContainEqual({
      ...{ name: 'bond7', mac: macs.first, driver: 'bonding' },
      result: expect.stringMatching(/^address 10\.77\.0\.1\d\d, reaches the server$/),
    });
    const nameOf = (mac: string): string => nics.find((nic) => nic.mac === mac && nic.driver !== 'bonding')?.name ?? '';
    const members = nics.filter(({ result }) => result?.startsWith('part of bond7'));
    expect(members.map(({ mac }) => mac).sort()).toEqual([macs.first, macs.second]);
    expect(members.map(({ result }) => result).sort()).toEqual(['part of bond7', 'part of bond7, in reserve']);

    await site.server.ask('machine', 'approve', id);
    const job = await site.startJob('links', ['--capture', 'links', '--disk', 'only', '--end', 'poweroff'], id);
    await site.waitForJob(job, ({ progress }) => (progress?.bytesDone ?? 0) > mib, jobWithinMs);
    const say = (words: RegExp) => machine.waitForSerial(words, seenWithinMs);
    const third = nameOf(macs.third);

    const active = members.find(({ result }) => result === 'part of bond7')?.mac === macs.first ? 0 : 1;
    await setLink(machine, active, false);
    await say(/kernel: bond7: \(slave \S+\): link status definitely down/);
    await setLink(machine, active === 0 ? 1 : 0, false);
    await say(
      new RegExp(`bond7 has lost its link; the server is reached through ${third} now, address 10\\.79\\.0\\.1`),
    );
    await setLink(machine, 2, false);
    await say(new RegExp(`${third} has lost its link; looking for the server through every NIC`));
    await setLink(machine, 2, true);
    await say(new RegExp(`the server answers again through ${third}`));
    await setLink(machine, 2, false);
    await setLink(machine, active, true);
    await say(
      new RegExp(`${third} has lost its link; the server is reached through bond7 now, address 10\\.77\\.0\\.1`),
    );

    await throttle(machine, 0);
    const { results } = await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
    expect(results).toMatchObject([{ kind: 'capture', figures: { sizeBytes: 64 * mib, lostBytes: 0 } }]);
    await machine.waitForPowerOff(offWithinMs);
    failed = false;
  },
);
