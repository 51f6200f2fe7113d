// Stage 7: what a machine loads by TFTP: boot loaders and, since Debian's signed GRUB has no HTTP, kernel and initramfs too.
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type EspOptions, writeEspImage } from './esp-image.ts';
import type { UnpackedPackage } from './fetch-packages.ts';

/** File below tftp/ → package and file in it. shim wants exactly the name grubx64.efi beside itself. */
const bootFiles = [
  ['undionly.kpxe', 'ipxe', 'usr/lib/ipxe/undionly.kpxe'],
  ['snponly.efi', 'ipxe', 'usr/lib/ipxe/snponly.efi'],
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
  for (const name of ['vmlinuz', 'initramfs.img']) await symlink(join('..', name), join(to, name));
  return all.map(([name]) => name);
}

/** The image that UEFI's HTTP boot puts into memory and boots from: shim, GRUB and how GRUB finds the server. */
export async function writeHttpBootImage(
  options: Pick<EspOptions, 'packages' | 'epochSeconds' | 'signal'>,
  to: string,
): Promise<void> {
  await rm(to, { force: true });
  const boot = join(import.meta.dirname, '../boot');
  const grubFiles = { 'grub.cfg': join(boot, 'http-boot.cfg'), 'server.cfg': join(boot, 'http-boot-server.cfg') };
  await writeEspImage({ ...options, grub: 'grubnetx64', sizeKiB: 8192, serialNumber: '44455048', grubFiles }, to);
}
