// A disk erases itself, told by a job of a booted Deploy-OS: SANITIZE of SCSI and ATA, ATA's Secure Erase, and what is said when they are refused or cut off. The drives are ours (test/fixtures/erasable-drive/), made after SBC-4, ACS-4 and SAT-5, because no emulator has these commands: QEMU passes every command of
// the machine on to them by iSCSI. Real are the kernel, its way for such commands, udev, and sg_raw. They erase by steps, one at each question, not by the clock.
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NetworkNamespace } from '../../scripts/lab/network-namespace.ts';
import { Site } from '../../scripts/lab/site.ts';
import { noise } from '../fixtures/disks.ts';
import { AtaDrive } from '../fixtures/erasable-drive/ata-drive.ts';
import { type IscsiTarget, serveDrive } from '../fixtures/erasable-drive/iscsi-target.ts';
import { ScsiDrive } from '../fixtures/erasable-drive/scsi-drive.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { DisksMachine } from './disks-machine.ts';

const sizeBytes = 2 ** 20;
const content = (name: string) => noise(sizeBytes, name);
const drives = {
  ata: new AtaDrive({ serial: 'ATA1', wwn: '5000c500000000a1', content: content('ata') }),
  old: new AtaDrive({ serial: 'OLD1', wwn: '5000c500000000a2', content: content('old'), onlySecurity: true }),
  sas: new ScsiDrive({ serial: 'SAS1', wwn: '5000c500000000a3', content: content('sas') }),
};
type Name = keyof typeof drives;

/** A boot and four erasures take two minutes more than there is room for each time. */
const seldom = test.skipIf(!runsAll);

let folder: string;
let booted: DisksMachine;
const targets: IscsiTarget[] = [];

beforeAll(async () => {
  if (!runsAll) return;
  folder = await Site.makeFolder();
  const network = await NetworkNamespace.create();
  for (const drive of Object.values(drives)) targets.push(await serveDrive(drive, network.hostAddress));
  const disks = targets.map(({ url }) => ({ bus: 'passed-on', file: url }) as const);
  booted = await DisksMachine.start('erase', { folder, disks, network });
  await booted.disks();
});
afterAll(async () => {
  await booted?.[Symbol.asyncDispose]();
  for (const target of targets) await target[Symbol.asyncDispose]();
  if (runsAll) await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const [name, drive] of Object.entries(drives)) content(name).copy(drive.content);
  drives.old.securityFrozen = false;
});

const targetOf = (name: Name) => ({ by: 'wwn', wwn: drives[name].wwn }) as const;
const wipe = (name: Name, method: string) => ({ kind: 'wipe', target: targetOf(name), method });
const isUntouched = (name: Name) => drives[name].content.equals(content(name));
const isFilledWith = (name: Name, byte: number) => drives[name].content.equals(Buffer.alloc(sizeBytes, byte));

seldom('a check says in which ways each disk erases itself, and what hinders others', async () => {
  drives.old.securityFrozen = true;
  const { results, error } = await booted.runJob([{ kind: 'check' }]);
  expect(error).toBeNull();
  const erase = Object.fromEntries(results[0]?.disks?.map(({ serial, erase }) => [serial, erase]) ?? []);
  const sanitizes = ['sanitize-block', 'sanitize-overwrite', 'sanitize-crypto'];
  expect(erase).toMatchObject({
    ATA1: { ways: [...sanitizes, 'secure-erase-enhanced', 'secure-erase-normal'], hindrances: [] },
    OLD1: { ways: [], hindrances: [expect.stringContaining('frozen its security settings')] },
    SAS1: { ways: sanitizes, hindrances: [] },
  });
});

seldom('auto takes the strongest way of a disk, another is taken if it is named, and each is read back', async () => {
  const { results, error } = await booted.runJob([wipe('ata', 'auto'), wipe('sas', 'crypto-erase')]);
  expect(error).toBeNull();
  const changed =
    'not all of it reads as zeros; \\d+ places that held something, all over the disk, hold something else now';
  expect(results[0]?.summary).toMatch(new RegExp(`^ATA Sanitize \\(block erase\\); ${changed}$`));
  expect(results[1]?.summary).toMatch(new RegExp(`^SCSI Sanitize \\(cryptographic erase\\); ${changed}$`));
  expect([drives.ata.erased, drives.sas.erased]).toEqual([['ata block'], ['scsi crypto']]);
  expect([isFilledWith('ata', 0xff), isUntouched('sas')]).toEqual([true, false]);
});

seldom(
  'Secure Erase of frozen security settings is refused with what to do; thawed, it leaves no password',
  async () => {
    drives.old.securityFrozen = true;
    const frozen = await booted.runJob([wipe('old', 'secure-erase')]);
    const message = expect.stringMatching(/frozen.*unplug.*nothing was written$/);
    expect(frozen.error).toMatchObject({ code: 'wipe-unsupported', message });
    expect(isUntouched('old')).toBe(true);
    drives.old.securityFrozen = false;
    const { results, log } = await booted.runJob([wipe('old', 'auto')]);
    expect(results[0]?.summary).toMatch(/^ATA Secure Erase \(enhanced\); not all/);
    expect(log.join()).toMatch(/takes 2 minutes by its own word.*locked, with the user password 'deploy-os'/);
    expect([isFilledWith('old', 0x5a), drives.old.password]).toEqual([true, null]);
  },
);

seldom(
  'a Secure Erase that the power cut off says the password of the locked disk, and goes on when it is asked for again',
  async () => {
    drives.old.losesPower = true;
    const cut = await booted.runJob([wipe('old', 'secure-erase')]);
    const message = expect.stringContaining("It has the user password 'deploy-os'");
    expect(cut.error).toMatchObject({ code: 'target-write', message });
    expect(drives.old.locked).toBe(true);
    const refused = await booted.runJob([wipe('old', 'overwrite')]);
    expect(refused.error).toMatchObject({ code: 'disk-locked' });
    const { results } = await booted.runJob([wipe('old', 'secure-erase')]);
    expect(results[0]?.summary).toMatch(/^ATA Secure Erase \(enhanced\)/);
    expect([isFilledWith('old', 0x5a), drives.old.password, drives.old.locked]).toEqual([true, null, false]);
  },
);
