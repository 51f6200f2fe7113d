import { describe, expect, test } from 'vitest';
import { chooseModules, orderOfLoading, parseModuleIndex } from '../../initramfs/stages/module-index.ts';

const dep = [
  'kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz',
  'kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz',
  'kernel/drivers/ata/old/pata_old.ko.xz: kernel/drivers/ata/libata.ko.xz',
  'kernel/drivers/scsi/scsi_mod.ko.xz:',
  'kernel/drivers/md/raid456.ko.xz:',
  'kernel/crypto/crc32c_generic.ko.xz:',
].join('\n');
const index = parseModuleIndex({
  dep,
  softdep: 'softdep raid456 pre: crypto-crc32c nothing-of-the-kind\n',
  alias: 'alias crypto-crc32c crc32c_generic\nalias pci:v*d* ahci\n',
  builtin: 'kernel/drivers/virtio/virtio_pci.ko\n',
});

describe('chooseModules', () => {
  test('a module brings what it depends on', () => {
    expect(chooseModules(index, [{ modules: ['ahci'] }]).files).toEqual([
      'kernel/drivers/ata/ahci.ko.xz',
      'kernel/drivers/ata/libata.ko.xz',
      'kernel/drivers/scsi/scsi_mod.ko.xz',
    ]);
  });

  test('a soft dependency is found by its alias, and one that nothing stands for is none', () => {
    expect(chooseModules(index, [{ modules: ['raid456'] }]).files).toEqual([
      'kernel/crypto/crc32c_generic.ko.xz',
      'kernel/drivers/md/raid456.ko.xz',
    ]);
  });

  test('a folder stands for all in it but what is left out', () => {
    const concern = { modules: ['drivers/ata/'], leaveOut: ['drivers/ata/old/', 'ahci'] };
    expect(chooseModules(index, [concern]).files).toEqual([
      'kernel/drivers/ata/libata.ko.xz',
      'kernel/drivers/scsi/scsi_mod.ko.xz',
    ]);
  });

  test('a built-in module needs no file, hyphens and underscores are the same, and the unknown is named', () => {
    const concern = { modules: ['virtio-pci', 'no-such-module', 'drivers/nowhere/'] };
    expect(chooseModules(index, [concern])).toEqual({ files: [], unknown: ['no-such-module', 'drivers/nowhere/'] });
  });
});

test('modules are loaded after those that they need, each once', () => {
  expect(orderOfLoading(dep, ['ahci', 'crc32c_generic', 'libata'])).toEqual([
    'kernel/drivers/scsi/scsi_mod.ko.xz',
    'kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/ata/ahci.ko.xz',
    'kernel/crypto/crc32c_generic.ko.xz',
  ]);
});
