// Several ways to one disk, in the Deploy-OS: each is listed once, and reads and writes survive the loss of paths (R12); what is no disk stays out
// (R15); what comes late is waited for; and what comes in between is noticed before the first write (R11). One machine, which the tests use in turn.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashFile } from '../../initramfs/build-cache.ts';
import type { DiskSpec } from '../../scripts/lab/machine-spec.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { withMount } from '../fixtures/mounts.ts';
import { makeLinuxVolume, makeVolumesDisk, makeWindowsVolume } from '../fixtures/system-disks.ts';
import { writeGpt } from '../fixtures/tables.ts';
import { DisksMachine, type SeenDisks } from './disks-machine.ts';

const mib = 2 ** 20;

/** What the machine has, in this order, and under which ids it must show its disks. */
const machine = [
  { name: 'cd', bus: 'cd', id: null },
  { name: 'stick', bus: 'usb', serial: 'STICK1', id: /^serial-.*STICK1$/ },
  { name: 'source', bus: 'scsi', paths: 2, serial: 'LUN1', wwn: '5000c50000000001', id: 'wwn-0x5000c50000000001' },
  { name: 'target', bus: 'scsi', paths: 4, serial: 'LUN2', wwn: '5000c50000000002', id: 'wwn-0x5000c50000000002' },
  { name: 'namespace', bus: 'nvme', paths: 2, serial: 'NVME1', id: /NVME1$/ },
  { name: 'drive-0', bus: 'megasas', serial: 'VD0', wwn: '5000c500000000d0', id: 'wwn-0x5000c500000000d0' },
  { name: 'drive-1', bus: 'megasas', serial: 'VD1', wwn: '5000c500000000d1', id: 'wwn-0x5000c500000000d1' },
  { name: 'systems', bus: 'virtio', serial: 'SYSTEMS', id: /SYSTEMS$/ },
  { name: 'large-sectors', bus: 'virtio', serial: 'FOUR1', sectorSizeBytes: 4096, id: /FOUR1$/ },
  { name: 'large-blank', bus: 'nvme', serial: 'FOUR2', sectorSizeBytes: 4096, id: /FOUR2$/ },
] as const satisfies readonly (Omit<DiskSpec, 'file'> & { name: string; id: string | RegExp | null })[];
type Name = (typeof machine)[number]['name'];

/** A LUN that is not there when the machine boots; and a stick that somebody plugs in. */
const late = { bus: 'scsi', paths: 1, serial: 'LUN3', wwn: '5000c50000000003', id: 'wwn-0x5000c50000000003' } as const;
const surprise = { bus: 'usb', serial: 'SURPRISE' } as const;

/** A target of the kernel's own, whose second port is on standby: it names the LUN and its size, and reads and writes nothing. */
const standby = {
  id: 'wwn-0x60014055f5f5f5f5f5f5f5f5f5f5f5f5',
  modules: ['target_core_mod', 'target_core_file', 'tcm_loop', 'configfs', 'crc32c_generic'],
  script: `
mkdir -p /sys/kernel/config /var/target/pr /var/target/alua
grep -q configfs /proc/mounts || busybox mount -t configfs none /sys/kernel/config
core=/sys/kernel/config/target/core/fileio_0/disk
mkdir -p $core
busybox dd if=/dev/zero of=/tmp/lun bs=1M count=16 2>/dev/null
echo fd_dev_name=/tmp/lun,fd_dev_size=16777216 > $core/control
echo 5f5f5f5f-5f5f-5f5f-5f5f-5f5f5f5f5f5f > $core/wwn/vpd_unit_serial
echo 1 > $core/enable
mkdir $core/alua/standby
echo 16 > $core/alua/standby/tg_pt_gp_id
for port in 1 2; do
  portal=/sys/kernel/config/target/loopback/naa.6001405000000001/tpgt_$port
  mkdir -p $portal/lun/lun_0
  echo naa.6001405000000002 > $portal/nexus
  ln -s $core $portal/lun/lun_0/port
done
echo standby > $portal/lun/lun_0/alua_tg_pt_gp
echo 2 > $core/alua/standby/alua_access_state
`,
} as const;

let folder: string;
let booted: DisksMachine;
let seen: SeenDisks;
const fileOf = (name: string) => path.join(folder, `${name}.raw`);
const bytes = noise(40 * mib, 'file');

beforeAll(async () => {
  folder = await Site.makeFolder();
  const make: Partial<Record<Name, () => Promise<unknown>>> = {
    source: () => makeExtDisk(fileOf('source'), 64 * mib, { file: bytes }),
    systems: makeSystems,
    'large-sectors': makeLargeSectors,
    'large-blank': () => makeRawDisk(fileOf('large-blank'), 80 * mib, [{ offsetBytes: 0, bytes: noise(mib, 'old') }]),
  };
  const raw = (name: string) => makeRawDisk(fileOf(name), 64 * mib, [{ offsetBytes: mib, bytes: noise(4096, name) }]);
  for (const { name } of machine) await (make[name]?.() ?? raw(name));
  for (const name of ['late', 'surprise']) await raw(name);
  booted = await DisksMachine.start('paths', {
    folder,
    disks: machine.map(({ name, id: _, ...disk }) => ({ ...disk, file: fileOf(name) })),
    before: standby,
  });
  seen = await booted.disks();
});
afterAll(async () => {
  await booted?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A Windows that is a domain's controller, and a Linux with names for its network cards. */
async function makeSystems(): Promise<void> {
  const windows = await makeWindowsVolume(fileOf('windows'), { productType: 'LanmanNT', domain: 'factory.example' });
  const linux = await makeLinuxVolume(fileOf('linux'), {
    'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    'etc/hostname': 'line-7\n',
    'etc/udev/rules.d/70-persistent-net.rules':
      'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="52:54:00:77:00:01", NAME="eth0"\n',
  });
  await makeVolumesDisk(fileOf('systems'), [windows, linux]);
}

/** A GPT of 4096-byte sectors, and an ext4 in its partition. */
async function makeLargeSectors(): Promise<void> {
  const ext = await readFile(
    await makeExtDisk(fileOf('ext'), 32 * mib, { file: noise(8 * mib, '4Kn') }, ['-b', '4096']),
  );
  const disk = Buffer.alloc(64 * mib);
  writeGpt(disk, [{ firstLba: mib / 4096, lastLba: (33 * mib) / 4096 - 1 }], 4096);
  ext.copy(disk, mib);
  await makeRawDisk(fileOf('large-sectors'), disk.length, [{ offsetBytes: 0, bytes: disk }]);
}

function find({ disks }: SeenDisks, id: string | RegExp) {
  const found = disks.filter((disk) => (typeof id === 'string' ? disk.id === id : id.test(disk.id)));
  expect(found, disks.map((disk) => `${disk.kernelName} ${disk.id}`).join('; ')).toHaveLength(1);
  return found[0] as (typeof disks)[number];
}

function named(name: Name) {
  return find(seen, machine.find((disk) => disk.name === name)?.id ?? '');
}

test('a LUN is one disk, whatever the number of its paths and however good they are', () => {
  const wanted = machine.map(({ id }) => id).filter((id) => id !== null);
  for (const id of wanted) find(seen, id);
  expect(seen.disks).toHaveLength(wanted.length + 1);
  // The stick was found first, and is last among the machine's own; the target's host is virtual.
  expect(seen.disks.filter(({ location }) => location !== 'virtual').at(-1)?.id).toMatch(/STICK1/);
  expect([named('source'), named('target')].map(({ members }) => members.length)).toEqual([2, 4]);
  const { kind, parts } = find(seen, standby.id);
  expect([kind, parts.map(({ state }) => state).sort()]).toEqual(['multipath', ['active/optimized', 'standby']]);
});

test('reads and writes outlive the loss of paths, and the kernel is heard of it', async () => {
  await booted.copyLosingPaths(named('source').devicePath, named('target').devicePath);
  const events = await booted.pathEvents();
  expect(events.filter((line) => /Failing path/.test(line)).length).toBeGreaterThanOrEqual(6);
  expect(events.filter((line) => /Reinstating path/.test(line)).length).toBeGreaterThanOrEqual(2);
  await booted.machine.waitForSerial(/^stand-in: watched "kernel: device-mapper: multipath: .*Failing path/m, 10_000);
});

test('a LUN with a path on standby is read', async () => {
  await booted.copy(find(seen, standby.id).devicePath, named('drive-0').devicePath);
});

test('a disk of 4096-byte sectors is captured and restored to another; one that relies on 512 is refused there', async () => {
  await booted.copy(named('large-sectors').devicePath, named('large-blank').devicePath);
  const refused = await booted.refuse(named('systems').devicePath, named('large-blank').devicePath);
  expect(refused).toMatchObject({ code: 'target-sector-size', message: expect.stringMatching(/nothing was written/) });
});

test('the preflight of the Deploy-OS looks into systems', async () => {
  const { findings } = await booted.copy(named('systems').devicePath, named('drive-1').devicePath);
  expect(findings.capture).toEqual(['domain-controller', 'persistent-network-names', 'several-systems']);
  expect(findings.restore).toEqual(expect.arrayContaining(['domain-controller', 'persistent-network-names']));
});

test('a disk that is plugged in between approval and first write refuses the restore', async () => {
  const { id } = named('drive-1');
  const before = await hashFile(fileOf('drive-1'));
  const refused = await booted.restoreApproved(id, () =>
    booted.machine.plug({ ...surprise, file: fileOf('surprise') }, machine.length),
  );
  expect(refused).toMatchObject({ code: 'target-changed', message: expect.stringMatching(/SURPRISE.* is new/) });
  expect(await hashFile(fileOf('drive-1'))).toBe(before);
});

test('a path and a LUN that come late are taken in, and no look in between sees a disk twice', async () => {
  const { id, ...lun } = late;
  const plug = (index: number, path: number) => booted.machine.plug({ ...lun, file: fileOf('late') }, index, path);
  const index = machine.length + 1;
  const { devicePath } = await booted.find(id, () => plug(index, 0));
  expect(find(await booted.lookAgain(), id)).toMatchObject({ devicePath, kind: 'disk' });
  await plug(index, 1);
  const { name, id: sourceId, ...source } = machine[2];
  await booted.machine.plug({ ...source, file: fileOf(name) }, 2, 2);
  let now: SeenDisks;
  do {
    now = await booted.lookAgain();
    // The stick of before, and the late LUN.
    expect(now.disks.map((disk) => disk.id).sort()).toHaveLength(seen.disks.length + 2);
  } while (find(now, id).kind === 'disk' || find(now, sourceId).members.length < 3);
  expect(find(now, id)).toMatchObject({ kind: 'multipath', members: [expect.anything(), expect.anything()] });
});

test('an NVMe disk erases itself, and one that cannot is overwritten, or refused if nothing else was asked for', async () => {
  const zeros = { verified: expect.stringMatching(/^all 67108864 bytes read back as (the )?zeros/) };
  expect(await booted.wipe(named('namespace').devicePath, 'sanitize')).toEqual({
    ...{ done: 'NVMe Format (user data erase)', ...zeros },
  });
  expect(await booted.wipe(named('drive-0').devicePath, 'auto')).toEqual({ done: 'overwritten with zeros', ...zeros });
  expect(await booted.wipe(named('systems').devicePath, 'discard')).toEqual({
    ...{ done: 'discarded', verified: expect.stringMatching(/^all \d+ bytes read back as zeros/) },
  });
  const refused = { done: 'wipe-unsupported', verified: expect.stringMatching(/nothing was written$/) };
  expect(await booted.wipe(named('drive-1').devicePath, 'sanitize')).toEqual(refused);
  expect(await booted.wipe(named('source').devicePath, 'sanitize')).toEqual(refused);
});

test('after the end the wiped disks are blank, and the restored ones hold what was captured', async () => {
  await booted.end();
  for (const name of ['namespace', 'drive-0', 'systems']) {
    const content = await readFile(fileOf(name));
    expect([name, content.equals(Buffer.alloc(content.length))]).toEqual([name, true]);
  }
  await withMount(fileOf('target'), 'ro,noload', async (root) => {
    expect(bytes.equals(await readFile(path.join(root, 'file')))).toBe(true);
  });
  const [was, is] = await Promise.all(['large-sectors', 'large-blank'].map((name) => readFile(fileOf(name))));
  expect(is?.subarray(mib, 33 * mib).equals(was?.subarray(mib, 33 * mib) ?? Buffer.alloc(0))).toBe(true);
  // The backup of the table has moved to the end of the larger disk.
  expect(is?.subarray(-4096).toString('latin1', 0, 8)).toBe('EFI PART');
});
