// No DHCP, and a stick that was made for no server: what the machine is told in the form it uses, and remembers on the stick (R32).
import { copyFileSync, readFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine as ManagedMachine } from '../../protocol/rest.ts';
import type { Machine } from '../../scripts/lab/qemu.ts';
import { buildBootFiles, Site } from '../../scripts/lab/site.ts';
import { run } from '../fixtures/run.ts';

const disk = { bus: 'sata', serial: 'LAB-FORM', content: { blankBytes: 64 * 1024 * 1024 } } as const;
const uuid = '5d0b1a4e-0005-4000-8000-000000000001';
const bootWithinMs = 240_000;
const answerWithinMs = 60_000;
const jobWithinMs = 120_000;
const offWithinMs = 60_000;

let site: Site;
let failed = true;

beforeAll(async () => {
  const folder = await Site.makeFolder();
  await buildBootFiles(folder, 'to the log');
  site = await Site.open(folder, { dhcp: 'none' });
});

afterAll(() => site?.close(failed ? 'logs' : 'nothing'));

/** The ISO of `deploy-os build` as it is, on a stick that is larger. */
function makeStick(): string {
  const stick = path.join(site.folder, 'stick.raw');
  copyFileSync(path.join(site.folder, 'boot/deploy-os.iso'), stick);
  truncateSync(stick, 128 * 1024 * 1024);
  return stick;
}

async function readSettings(stick: string): Promise<string> {
  const { partitiontable } = JSON.parse(await run('sfdisk', '--json', stick)) as {
    partitiontable: { partitions: { start: number }[] };
  };
  const place = `${stick}@@${(partitiontable.partitions[2]?.start ?? 0) * 512}`;
  return (await run('mtype', '-i', place, '::/deploy-os.conf')).replaceAll('\r\n', '\n');
}

/** Fills in the form over the serial line, as a person would who is told what is wrong. */
async function fillIn(machine: Machine, ca: string): Promise<void> {
  const line = await machine.openSerial();
  const hear = (text: string) =>
    machine.waitUntil(`'${text}' on the serial line`, answerWithinMs, async () => line.heard.includes(text));
  // What a line without a person may say confirms nothing.
  line.type('\x00\xff\x9b1A\x1b[20~y');
  line.type('s');
  await hear('Deploy-OS settings');
  await hear('/dev/sd');
  line.type('\x1510.77.0.60\r');
  await hear('lacks the length of its network');
  line.type('\x1b[A/24\r\r\r\r\r10.77.0.1:7433\r');
  line.type(`${ca}\r\r\r`);
  await hear('Type yes and press Enter');
  line.type('yes\r');
  await hear('settings of the form are used: remembered on /dev/sd');
  line.close();
}

/** What the machine has registered with, once that is `address`. */
async function expectAddress(machine: Machine, address: string): Promise<string> {
  let id = '';
  await machine.waitUntil(`it to register with ${address}`, bootWithinMs, async () => {
    const listed = await site.server.read<ManagedMachine[]>('/v1/machines');
    const found = listed.find(({ online, inventory }) => online && inventory?.smbios.uuid === uuid);
    id = found?.id ?? '';
    return found?.inventory?.nics.some(({ addresses }) => addresses.includes(address)) ?? false;
  });
  return id;
}

test('a machine without DHCP is told its address and server in the form, and the stick remembers them', async () => {
  const stick = makeStick();
  const furnished = await site.furnish('form', {
    bootFrom: 'disk',
    uuid,
    memoryMiB: 512,
    disks: [disk],
    nics: [{ mac: '52:54:00:77:0f:01', model: 'rtl8139' }],
  });
  const spec = { ...furnished, disks: [{ bus: 'usb', file: stick, serial: 'STICK' } as const, ...furnished.disks] };
  const log = readFileSync(path.join(site.folder, 'server.log'), 'utf8');
  const ca = /CA sha256:([0-9a-f]{64})/.exec(log)?.[1] ?? '';
  {
    await using machine = await site.powerOn(spec);
    await machine.waitForSerial(/lacks deploy\.server=.*s: settings/, bootWithinMs);
    await fillIn(machine, ca);
    const id = await expectAddress(machine, '10.77.0.60');
    const remembered = await readSettings(stick);
    for (const line of [`server='${site.server.url}'`, `ca='sha256:${ca}'`, "ip='10.77.0.60/24'", "vlan='none'"]) {
      expect(remembered).toContain(`\n${line}\n`);
    }
    expect(remembered).toContain("#options='deploy.shell'");

    // At the screen, while it waits for approval: another address.
    const address = ['1', '0', 'dot', '7', '7', 'dot', '0', 'dot', '6', '1', 'slash', '2', '4'];
    await machine.pressKeys(['f2', 'ctrl-u', ...address, 'up', 'ret', 'y', 'e', 's', 'ret']);
    expect(await expectAddress(machine, '10.77.0.61')).toBe(id);
    expect(await readSettings(stick)).toContain("\nip='10.77.0.61/24'\n");
    await site.server.ask('machine', 'approve', id);
    const job = await site.startJob('look', ['--check', '--end', 'poweroff'], id);
    await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
    await machine.waitForPowerOff(offWithinMs);
  }
  await using again = await site.powerOn(spec);
  await expectAddress(again, '10.77.0.61');
  failed = false;
});
