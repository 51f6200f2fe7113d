import { describe, expect, test } from 'vitest';
import { checkKernelConfig } from '../../kernel-config/check-kernel-config.ts';
import type { KernelConcern } from '../../kernel-config/concern.ts';
import { concerns, concernsOf } from '../../kernel-config/concerns.ts';

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

  test('asks the kernel of a processor for nothing that only others have, and of every processor for the rest', () => {
    const asked = (architecture: 'amd64' | 'arm64') => {
      const options = concernsOf(architecture).flatMap((concern) => concern.options.map(({ option }) => option));
      const modules = concernsOf(architecture).flatMap((concern) => concern.modules);
      return new Set<string>([...options, ...modules]);
    };
    const [pc, arm] = [asked('amd64'), asked('arm64')];
    for (const name of ['CONFIG_XZ_DEC_X86', 'CONFIG_VGA_CONSOLE', 'CONFIG_VMD', 'iTCO_wdt', 'rtc-cmos']) {
      expect([name, pc.has(name), arm.has(name)]).toEqual([name, true, false]);
    }
    for (const name of ['CONFIG_XZ_DEC_ARM64', 'CONFIG_SERIAL_AMBA_PL011_CONSOLE', 'sbsa_gwdt']) {
      expect([name, pc.has(name), arm.has(name)]).toEqual([name, false, true]);
    }
    const both = [...pc].filter((name) => arm.has(name));
    expect(both).toContain('CONFIG_BLK_DEV_NVME');
    expect(both.length).toBeGreaterThan(0.75 * pc.size);
  });
});
