import { describe, expect, test } from 'vitest';
import { checkKernelConfig } from '../../kernel-config/check-kernel-config.ts';
import type { KernelConcern } from '../../kernel-config/concern.ts';
import { concerns } from '../../kernel-config/concerns.ts';

const disks: KernelConcern = {
  name: 'disks',
  options: [
    { option: 'CONFIG_ATA', want: 'm', reason: 'SATA disks' },
    { option: 'CONFIG_TMPFS', want: 'y', reason: '/run' },
  ],
  modules: ['libata'],
};

describe('checkKernelConfig', () => {
  test('accepts a kernel that has every option', () => {
    expect(() => checkKernelConfig('CONFIG_ATA=m\nCONFIG_TMPFS=y\n', [disks])).not.toThrow();
  });

  test('takes built-in for a module, but not a module for built-in', () => {
    expect(() => checkKernelConfig('CONFIG_ATA=y\nCONFIG_TMPFS=y\n', [disks])).not.toThrow();
    expect(() => checkKernelConfig('CONFIG_ATA=y\nCONFIG_TMPFS=m\n', [disks])).toThrow(/CONFIG_TMPFS=y/);
  });

  test('names every option that is missing, with its concern and reason', () => {
    const text = '# CONFIG_ATA is not set\nCONFIG_TMPFS_XATTR=y\n';
    expect(() => checkKernelConfig(text, [disks])).toThrow(
      expect.objectContaining({
        code: 'kernel-option-missing',
        message: 'the kernel lacks CONFIG_ATA=m (disks: SATA disks); CONFIG_TMPFS=y (disks: /run)',
      }),
    );
  });

  test('an empty configuration lacks something of every concern', () => {
    for (const concern of concerns) expect(() => checkKernelConfig('', [concern]), concern.name).toThrow(concern.name);
  });
});
