import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../imaging/manifest/manifest.ts';
import type { System } from '../../../imaging/manifest/system.ts';
import { type CaptureFacts, findForCapture } from '../../../imaging/preflight/capture-findings.ts';
import { type Content, findingCodes } from '../../../imaging/preflight/finding.ts';
import { findForRestore, type RestoreFacts } from '../../../imaging/preflight/restore-findings.ts';
import { listClusterFileSystems } from '../../../imaging/preflight/shared-disk.ts';

const windows: System = {
  ...{ partition: 2, kind: 'windows', name: 'Windows Server 2019', version: '10.0.17763', hostName: 'SRV01' },
  ...{ inDomain: false, domain: null, domainController: false },
  ...{ bootDrivers: ['storahci', 'LSI_SAS'], teams: [], fixedNames: [] },
};
const linux: System = { ...windows, partition: 3, kind: 'linux', name: 'Debian', hostName: 'web', bootDrivers: null };
const member: System = { ...windows, inDomain: true, domain: 'corp.example' };
const controller: System = { ...member, domainController: true };
const teamed: System = { ...linux, teams: ['bond0'] };
const renamed: System = { ...linux, fixedNames: ['/etc/udev/rules.d/70-persistent-net.rules'] };

function content(number: number, fileSystem: string): Content {
  return { number, fileSystem, sizeBytes: 2 ** 30 };
}

/** What is found, as `code severity partition`. */
function atCapture(facts: Partial<CaptureFacts>, allowShared = false): string[] {
  const none = { partitions: [], systems: [], unknown: [], unclean: [], clusterFileSystems: [], reservations: null };
  return findForCapture({ ...none, ...facts }, allowShared).map((f) => `${f.code} ${f.severity} ${f.partition}`);
}

describe('a capture', () => {
  test.for<[string, Partial<CaptureFacts>, string[]]>([
    ['of nothing in particular', { systems: [windows] }, []],
    ['of a domain controller', { systems: [controller] }, ['domain-controller warning 2']],
    ['of a domain member', { systems: [member] }, ['domain-member info 2']],
    ['of names tied to cards', { systems: [renamed] }, ['persistent-network-names info 3']],
    ['of a bond', { systems: [teamed] }, ['network-teaming info 3']],
    ['of two systems', { systems: [windows, linux] }, ['several-systems info null']],
    [
      'of a hibernated and a dirty NTFS',
      {
        unclean: [
          { partition: 1, state: 'hibernated', reason: 'a Windows is hibernated in it' },
          { partition: 2, state: 'dirty', reason: 'it is marked dirty' },
        ],
      },
      ['windows-hibernated warning 1', 'ntfs-dirty warning 2'],
    ],
    [
      'of encrypted volumes',
      { partitions: [content(1, 'BitLocker'), content(2, 'crypto_LUKS'), content(3, 'ext4')] },
      ['encrypted-volume info 1', 'encrypted-volume info 2'],
    ],
    ['of what cannot be told', { unknown: [{ partition: 4, reason: 'x' }] }, ['system-unknown info 4']],
  ])('%s', ([, facts, expected]) => {
    expect(atCapture(facts)).toEqual(expected);
  });

  test('of a cluster’s file system is refused, also when that is in a volume, unless it is allowed', () => {
    const inVolume = { name: 'vg/shared', fileSystem: 'gfs2' } as NonNullable<Content['volumes']>[0];
    const lvm = { ...content(3, 'LVM2_member'), volumes: [inVolume] };
    const clusterFileSystems = listClusterFileSystems([
      content(1, 'ocfs2'),
      content(2, 'VMFS'),
      lvm,
      content(4, 'xfs'),
    ]);
    const [one, two, three] = [1, 2, 3].map((number) => `cluster-file-system refusal ${number}`);
    expect(atCapture({ clusterFileSystems })).toEqual([one, two, three]);
    expect(atCapture({ clusterFileSystems }, true)).toHaveLength(3);
    expect(atCapture({ clusterFileSystems }, true).join()).not.toMatch(/refusal/);
  });
});

const mbr = Buffer.alloc(512);
mbr.write('code', 0);
mbr.writeUInt8(0x80, 446);

function imageOf(traits: Partial<Manifest>): Manifest {
  const tableSectors = [{ offsetBytes: 0, base64: mbr.toString('base64') }];
  const made = { createdAt: '2026-01-01T00:00:00.000Z', partitions: [], tableSectors, geometry: { table: 'mbr' } };
  return { ...made, ...traits } as unknown as Manifest;
}

function atRestore(image: Partial<Manifest>, facts: Partial<RestoreFacts> = {}, allowShared = false): string[] {
  const machine = { firmware: null, controller: null, sameDisk: false, now: new Date('2026-01-20T00:00:00Z') };
  const all = { manifest: imageOf(image), clusterFileSystems: [], reservations: null, ...machine, ...facts };
  return findForRestore(all, allowShared).map((f) => `${f.code} ${f.severity} ${f.partition}`);
}

describe('a restore', () => {
  test('of a member’s image is warned of when it is older than the password of its account', () => {
    const systems = [member];
    expect(atRestore({ systems })).toEqual([]);
    expect(atRestore({ systems }, { now: new Date('2026-01-31T00:00:00Z') })).toEqual([]);
    const late = { now: new Date('2026-02-01T00:00:00Z') };
    expect(atRestore({ systems }, late)).toEqual(['domain-member-old warning 2']);
    expect(atRestore({ systems: [windows] }, late)).toEqual([]);
  });

  test('of a domain controller is warned of at any age, also onto the same disk', () => {
    expect(atRestore({ systems: [controller] }, { sameDisk: true })).toEqual(['domain-controller warning 2']);
  });

  test('that brings MAC addresses and bonds is warned of unless it is the same disk', () => {
    const systems = [renamed, teamed];
    expect(atRestore({ systems })).toEqual(['persistent-network-names warning 3', 'network-teaming warning 3']);
    expect(atRestore({ systems }, { sameDisk: true })).toEqual([]);
  });

  test('of BitLocker wants its recovery key elsewhere', () => {
    const partitions = [content(1, 'BitLocker')] as Manifest['partitions'];
    expect(atRestore({ partitions })).toEqual(['bitlocker-key warning 1']);
    expect(atRestore({ partitions }, { partition: 2 })).toEqual([]);
    expect(atRestore({ partitions }, { sameDisk: true })).toEqual([]);
  });

  const esp = [{ type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' }] as Manifest['partitions'];
  const grubOnGpt = [{ type: '21686148-6449-6e6f-744e-656564454649' }] as Manifest['partitions'];
  test.for<[string, Partial<Manifest>, 'bios' | 'uefi' | null, boolean]>([
    ['a BIOS image on UEFI', {}, 'uefi', true],
    ['a BIOS image on BIOS', {}, 'bios', false],
    ['a BIOS image, who knows where', {}, null, false],
    ['a UEFI image on BIOS', { partitions: esp, tableSectors: [] }, 'bios', true],
    ['a UEFI image on UEFI', { partitions: esp, tableSectors: [] }, 'uefi', false],
    ['an image that boots either way on BIOS', { partitions: esp }, 'bios', false],
    ['GRUB’s partition on GPT on UEFI', { partitions: grubOnGpt, geometry: { table: 'gpt' } as never }, 'uefi', true],
    ['an image that boots nowhere', { tableSectors: [] }, 'uefi', false],
  ])('%s', ([, image, firmware, warned]) => {
    expect(atRestore(image, { firmware })).toEqual(warned ? ['firmware-mode warning null'] : []);
    expect(atRestore(image, { firmware, partition: 1 })).toEqual([]);
  });

  test.for<[RestoreFacts['controller'], string[]]>([
    [null, []],
    [{ bus: 'sata', driver: 'ahci' }, []],
    [{ bus: 'sas', driver: 'mpt3sas' }, []],
    [{ bus: 'nvme', driver: 'nvme' }, ['disk-driver-missing warning 2']],
    [{ bus: 'nvme', driver: 'vmd' }, ['disk-driver-missing warning 2']],
    [{ bus: 'virtio', driver: 'virtio-pci' }, ['disk-driver-missing warning 2']],
    [{ bus: 'scsi', driver: 'virtio-pci' }, ['disk-driver-missing warning 2']],
    [{ bus: 'scsi', driver: 'megaraid_sas' }, ['disk-driver-missing warning 2']],
    [{ bus: 'scsi', driver: 'vmw_pvscsi' }, ['disk-driver-missing warning 2']],
    [{ bus: 'fc', driver: 'qla2xxx' }, ['disk-driver-unknown info 2']],
  ])('of a Windows with AHCI and LSI drivers onto %j', ([target, expected]) => {
    expect(atRestore({ systems: [windows] }, { controller: target })).toEqual(expected);
    expect(atRestore({ systems: [linux] }, { controller: target })).toEqual([]);
  });

  test.for<[RestoreFacts['controller'], string]>([
    [{ bus: 'nvme', driver: 'nvme' }, 'stornvme'],
    [{ bus: 'nvme', driver: 'vmd' }, 'iaStorVD'],
    [{ bus: 'sata', driver: 'ahci' }, 'iaStorAC'],
    [{ bus: 'virtio', driver: 'virtio-pci' }, 'viostor'],
    [{ bus: 'scsi', driver: 'virtio-pci' }, 'vioscsi'],
    [{ bus: 'scsi', driver: 'megaraid_sas' }, 'megasas35i'],
    [{ bus: 'scsi', driver: 'vmw_pvscsi' }, 'pvscsi'],
  ])('onto %j is fine with %s', ([target, driver]) => {
    expect(atRestore({ systems: [{ ...windows, bootDrivers: [driver] }] }, { controller: target })).toEqual([]);
  });

  test('over a cluster’s file system is refused unless it is allowed', () => {
    const clusterFileSystems = [{ partition: 1, fileSystem: 'VMFS' }];
    expect(atRestore({}, { clusterFileSystems })).toEqual(['cluster-file-system refusal 1']);
    expect(atRestore({}, { clusterFileSystems }, true)).toEqual(['cluster-file-system warning 1']);
    const keys = { keys: ['0x1a', '0x2b'], holder: { key: '0x1a', type: 'Write Exclusive' } };
    expect(atRestore({}, { reservations: keys })).toEqual(['disk-reserved refusal null']);
    expect(atRestore({}, { reservations: keys }, true)).toEqual(['disk-reserved warning null']);
    expect(atRestore({}, { reservations: { keys: [], holder: null } })).toEqual([]);
  });

  test('of an image from before there were systems in it finds nothing', () => {
    expect(atRestore({}, { controller: { bus: 'nvme', driver: 'nvme' } })).toEqual([]);
  });
});

test('docs/preflight.md explains every code once', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/preflight.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| [a-z, ]+ \| [a-z, ]+ \| .+ \|$/gm)].map(([, code]) => code);
  expect(rows.toSorted()).toEqual([...findingCodes].toSorted());
});
