// A disk erases itself, told by a job of a booted Deploy-OS: Sanitize of SCSI, ATA and NVMe, ATA's Secure Erase, and what is said when they are refused, fail or are cut off. The drives are ours (test/fixtures/erasable-drive/), made after SBC-4, ACS-4, SAT-5 and NVMe 1.4, because no emulator has these commands: QEMU passes every command of
// the machine on to them by iSCSI, and the machine itself reaches the last one by NVMe over TCP. Real are the kernel, its way for such commands, udev, and sg_raw. They erase by steps, one at each question, not by the clock.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DiskSpec } from '../../scripts/lab/machine-spec.ts';
import { NetworkNamespace, serverAddress } from '../../scripts/lab/network-namespace.ts';
import { Site } from '../../scripts/lab/site.ts';
import { noise } from '../fixtures/disks.ts';
import { AtaDrive } from '../fixtures/erasable-drive/ata-drive.ts';
import { serveDrive } from '../fixtures/erasable-drive/iscsi-target.ts';
import { NvmeDrive, subsystemName } from '../fixtures/erasable-drive/nvme-drive.ts';
import { serveNvme } from '../fixtures/erasable-drive/nvme-target.ts';
import { ScsiDrive } from '../fixtures/erasable-drive/scsi-drive.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { DisksMachine } from './disks-machine.ts';

const sizeBytes = 2 ** 20;
const content = (name: string) => noise(sizeBytes, name);
const scsiDrives = {
  ata: new AtaDrive({ serial: 'ATA1', wwn: '5000c500000000a1', content: content('ata') }),
  old: new AtaDrive({ serial: 'OLD1', wwn: '5000c500000000a2', content: content('old'), onlySecurity: true }),
  sas: new ScsiDrive({ serial: 'SAS1', wwn: '5000c500000000a3', content: content('sas') }),
};
const drives = {
  ...scsiDrives,
  nvme: new NvmeDrive({ serial: 'NVM1', wwn: '5000c500000000a4', content: content('nvme') }),
};
type Name = keyof typeof drives;

/** A boot and these erasures take two minutes more than there is room for each time. */
const seldom = test.skipIf(!runsAll);

let folder: string;
let booted: DisksMachine;
const targets: AsyncDisposable[] = [];

beforeAll(async () => {
  if (!runsAll) return;
  folder = await Site.makeFolder();
  const network = await NetworkNamespace.create();
  const disks: DiskSpec[] = [];
  for (const drive of Object.values(scsiDrives)) {
    const target = await serveDrive(drive, network.hostAddress);
    targets.push(target);
    disks.push({ bus: 'passed-on', file: target.url });
  }
  const before = await reachNvme(network);
  const nics = [{ mac: '52:54:00:77:00:a4' }];
  booted = await DisksMachine.start('erase', { folder, disks, network, nics, before });
  await booted.disks();
});

/** What the machine does to reach the drive, whose target runs here, through a port of the machines' network that is passed on. */
async function reachNvme(network: NetworkNamespace) {
  const target = await serveNvme(drives.nvme, network.hostAddress);
  targets.push(target);
  const to = `{ host: '${network.hostAddress}', port: ${target.port} }`;
  const relay = `net.createServer((from) => { const to = net.connect(${to}); for (const end of [from, to]) end.setNoDelay().on('error', () => { from.destroy(); to.destroy(); }); from.pipe(to).pipe(from); }).listen(4420, '${serverAddress}')`;
  const [command, args] = network.wrapCommand(process.execPath, ['-e', relay]);
  spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const host = randomUUID();
  const script = `
until [ -e /run/deploy-os/devices-settled ]; do busybox sleep 0.2; done
for nic in /sys/class/net/*; do
  [ "$(cat $nic/type)" != 1 ] || ip addr add 10.77.0.60/24 dev \${nic##*/}
done
echo transport=tcp,traddr=${serverAddress},trsvcid=4420,nqn=${subsystemName},hostid=${host},hostnqn=nqn.2014-08.org.nvmexpress:uuid:${host} > /dev/nvme-fabrics
until [ -b /dev/nvme0n1 ]; do busybox sleep 0.2; done
`;
  return { modules: ['nvme_tcp'], script };
}

afterAll(async () => {
  await booted?.[Symbol.asyncDispose]();
  for (const target of targets) await target[Symbol.asyncDispose]();
  if (runsAll) await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  for (const [name, drive] of Object.entries(drives)) content(name).copy(drive.content);
  drives.old.securityFrozen = false;
});

const targetOf = (name: Name) => ({ by: 'serial', serial: drives[name].serial }) as const;
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
    NVM1: { ways: sanitizes, hindrances: [] },
  });
});

seldom('auto takes the strongest way of a disk, another is taken if it is named, and each is read back', async () => {
  const { results, error } = await booted.runJob([
    wipe('ata', 'auto'),
    wipe('sas', 'crypto-erase'),
    wipe('nvme', 'auto'),
  ]);
  expect(error).toBeNull();
  const changed =
    'not all of it reads as zeros; \\d+ places that held something, all over the disk, hold something else now';
  expect(results[0]?.summary).toMatch(new RegExp(`^ATA Sanitize \\(block erase\\); ${changed}$`));
  expect(results[1]?.summary).toMatch(new RegExp(`^SCSI Sanitize \\(cryptographic erase\\); ${changed}$`));
  expect(results[2]?.summary).toMatch(new RegExp(`^NVMe Sanitize \\(block erase\\); ${changed}$`));
  expect([drives.ata.erased, drives.sas.erased, drives.nvme.erased]).toEqual([
    ['ata block'],
    ['scsi crypto'],
    ['nvme block'],
  ]);
  expect([isFilledWith('ata', 0xff), isUntouched('sas'), isFilledWith('nvme', 0xff)]).toEqual([true, false, true]);
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

seldom.each(['sas', 'nvme'] as const)(
  'a sanitize of %s that fails is reported, and the disk is brought out of its failure',
  async (name) => {
    drives[name].sanitizeFails = true;
    const failed = await booted.runJob([wipe(name, 'crypto-erase')]);
    const message = expect.stringMatching(/it says itself that it failed.*was told to erase itself/);
    expect(failed.error).toMatchObject({ code: 'target-write', message });
    expect([drives[name].sanitizeFailed, isUntouched(name)]).toEqual([false, true]);
    const { results } = await booted.runJob([wipe(name, 'overwrite')]);
    expect(results[0]?.summary).toMatch(/^overwritten with zeros/);
    expect(isFilledWith(name, 0)).toBe(true);
  },
);

seldom('a sanitize whose job is cancelled goes on, the job says so, and other disks are worked on', async () => {
  drives.sas.progressPerLook = 0;
  const cancelled = await booted.runJob([wipe('sas', 'crypto-erase')], 'sanitize');
  const message = expect.stringContaining('goes on erasing itself');
  expect(cancelled.error).toMatchObject({ code: 'cancelled', message });
  const other = await booted.runJob([wipe('ata', 'overwrite')]);
  expect(other.results[0]?.summary).toMatch(/^overwritten with zeros/);
  expect(drives.sas.sanitizing).not.toBeNull();
  const { disks } = await booted.lookAgain();
  expect(disks.find(({ serial }) => serial === 'SAS1')?.inUseBy).toEqual([
    expect.stringContaining('is erasing itself'),
  ]);
});
