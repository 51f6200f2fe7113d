import { describe, expect, test } from 'vitest';
import { checkKernelConfig } from '../../kernel-config/check-kernel-config.ts';
import type { KernelConcern } from '../../kernel-config/concern.ts';
import { concernsOf } from '../../kernel-config/concerns.ts';
import { leftOut, listUnkept, writeFragment } from '../../kernel-config/custom-kernel.ts';

const disks: KernelConcern = {
  name: 'disks',
  options: [
    { option: 'CONFIG_ATA', want: 'm', reason: 'SATA disks' },
    { option: 'CONFIG_TMPFS', want: 'y', reason: '/run' },
    { option: 'CONFIG_MD', want: 'm', reason: 'arrays' },
  ],
  modules: [],
};

describe("a kernel of one's own", () => {
  const fragment = writeFragment([disks], 'CONFIG_ATA=m\nCONFIG_TMPFS=y\nCONFIG_MD=y\n');

  test('has what the concerns ask for, as Debian has it, and is known by its release', () => {
    const lines = fragment.trimEnd().split('\n');
    expect(lines.slice(-3)).toEqual(['CONFIG_ATA=m', 'CONFIG_TMPFS=y', 'CONFIG_MD=y']);
    expect(lines).toContain('CONFIG_LOCALVERSION="-deploy-os"');
    expect(lines).toContain('# CONFIG_SECURITY_SELINUX is not set');
  });

  test('is refused when its configuration has lost a line, or kept what was to be left out', () => {
    const kept = fragment.replaceAll(/^# .*\n/gm, '');
    expect(listUnkept(fragment, kept)).toEqual([]);
    expect(listUnkept(fragment, kept.replace('CONFIG_ATA=m\n', '# CONFIG_ATA is not set\n'))).toEqual(['CONFIG_ATA=m']);
    expect(listUnkept(fragment, `${kept}CONFIG_SWAP=y\n`)).toEqual(['# CONFIG_SWAP is not set']);
  });

  test('is asked for nothing that only a signed one needs, and leaves out nothing that a concern asks for', () => {
    const asked = concernsOf('amd64', { signed: false }).flatMap(({ options }) => options.map(({ option }) => option));
    const left = leftOut.flatMap(({ options }) => options.map((option) => `CONFIG_${option}` as const));
    expect(left.filter((option) => asked.includes(option))).toEqual([]);
    expect(() => checkKernelConfig('', concernsOf('amd64'))).toThrow('CONFIG_MODULE_SIG=y');
    expect(asked).not.toContain('CONFIG_MODULE_SIG');
  });
});
