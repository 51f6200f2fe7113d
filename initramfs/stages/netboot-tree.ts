// Stage 7: what a machine loads by TFTP: boot loaders and, since Debian's signed GRUB has no HTTP, kernel and initramfs too.
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EfiFacts } from '../architecture.ts';
import { type EspOptions, writeEspImage } from './esp-image.ts';
import type { UnpackedPackage } from './fetch-packages.ts';

/** File below tftp/, package, and file in it. Debian has iPXE for PCs only. */
const ipxeFiles = [
  ['undionly.kpxe', 'ipxe', 'usr/lib/ipxe/undionly.kpxe'],
  ['snponly.efi', 'ipxe', 'usr/lib/ipxe/snponly.efi'],
] as const;

/** shim wants exactly this name of GRUB beside itself. */
function efiFiles({ suffix, grubFolder, grubPackage, shimHelpersPackage }: EfiFacts) {
  return [
    [`shim${suffix}.efi`, 'shim-signed', `usr/lib/shim/shim${suffix}.efi.signed`],
    [`mm${suffix}.efi`, shimHelpersPackage, `usr/lib/shim/mm${suffix}.efi.signed`],
    [`grub${suffix}.efi`, grubPackage, `usr/lib/grub/${grubFolder}/grubnet${suffix}.efi.signed`],
  ] as const;
}

/** Writes the tree to `to`; returns its files. */
export async function writeNetbootTree(
  packages: ReadonlyMap<string, UnpackedPackage>,
  efi: EfiFacts,
  to: string,
): Promise<readonly string[]> {
  await rm(to, { recursive: true, force: true });
  const bootFiles = [...(packages.has('ipxe') ? ipxeFiles : []), ...efiFiles(efi)];
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
  options: Pick<EspOptions, 'packages' | 'efi' | 'epochSeconds' | 'signal'>,
  to: string,
): Promise<void> {
  await rm(to, { force: true });
  const boot = join(import.meta.dirname, '../boot');
  const grubFiles = { 'grub.cfg': join(boot, 'http-boot.cfg'), 'server.cfg': join(boot, 'http-boot-server.cfg') };
  await writeEspImage({ ...options, grub: 'grubnet', sizeKiB: 8192, serialNumber: '44455048', grubFiles }, to);
}
