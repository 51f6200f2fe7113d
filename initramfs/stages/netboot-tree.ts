// Stage 7: the boot loaders that a machine loads by TFTP; kernel and initramfs then come by HTTP.
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { UnpackedPackage } from './fetch-packages.ts';

/** File below tftp/ → package and file in it. shim wants exactly the name grubx64.efi beside itself. */
const bootFiles = [
  ['undionly.kpxe', 'ipxe', 'usr/lib/ipxe/undionly.kpxe'],
  ['shimx64.efi', 'shim-signed', 'usr/lib/shim/shimx64.efi.signed'],
  ['mmx64.efi', 'shim-helpers-amd64-signed', 'usr/lib/shim/mmx64.efi.signed'],
  ['grubx64.efi', 'grub-efi-amd64-signed', 'usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed'],
] as const;

/** Writes the tree to `to`; returns its files. */
export async function writeNetbootTree(
  packages: ReadonlyMap<string, UnpackedPackage>,
  to: string,
): Promise<readonly string[]> {
  await rm(to, { recursive: true, force: true });
  const copies = bootFiles.map(([name, from, file]) => [name, join(packages.get(from)?.dir ?? '', file)] as const);
  const all = [...copies, ['grub/grub.cfg', join(import.meta.dirname, '../boot/netboot.cfg')] as const];
  for (const [name, source] of all) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await copyFile(source, join(to, name));
  }
  return all.map(([name]) => name);
}
