// Makes a disk bootable: GRUB for BIOS by hand, as grub-bios-setup would write it, and Debian's signed GRUB for UEFI.
import type { FileHandle } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from './run-command.ts';

const sectorBytes = 512;
/** Offsets in GRUB 2's boot.img and diskboot.img: include/grub/i386/pc/boot.h and grub-core/boot/i386/pc/diskboot.S. */
const bootImage = { kernelSector: 0x5c, driveCheck: 0x66, codeBytes: 440 } as const;
const coreImage = { blockListStart: 0x1f4, blockListLength: 0x1fc } as const;
const coreModules =
  'biosdisk part_gpt ext2 search search_fs_uuid normal configfile linux serial terminal echo test minicmd';

export type BootLoaderOptions = {
  /** The installed system, mounted; it has grub-pc-bin, grub-efi-amd64-signed and shim-signed. */
  readonly root: string;
  readonly rootUuid: string;
  readonly biosBootStartBytes: number;
  readonly espStartBytes: number;
};

const findRoot = (uuid: string) => `search.fs_uuid ${uuid} root\nset prefix=($root)/boot/grub\n`;

/** Boot code into the MBR, core.img into the BIOS boot partition. */
export async function installBiosGrub(disk: FileHandle, options: BootLoaderOptions): Promise<void> {
  const { root, rootUuid, biosBootStartBytes } = options;
  const input = findRoot(rootUuid);
  await runCommand('tee', [path.join(root, 'tmp/early.cfg')], { input });
  const target = '-O i386-pc -p /boot/grub -c /tmp/early.cfg -o /tmp/core.img';
  await runCommand('chroot', [root, 'grub-mkimage', ...`${target} ${coreModules}`.split(' ')]);
  const core = await readFile(path.join(root, 'tmp/core.img'));
  const boot = await readFile(path.join(root, 'usr/lib/grub/i386-pc/boot.img'));
  await writeBiosGrub(disk, { boot, core, biosBootStartBytes });
}

/** As GRUB's images come out of its package, and of grub-mkimage. */
export async function writeBiosGrub(
  disk: FileHandle,
  { boot, core, biosBootStartBytes }: { boot: Buffer; core: Buffer; biosBootStartBytes: number },
): Promise<void> {
  const firstSector = biosBootStartBytes / sectorBytes;
  // The first sector loads the rest, which follows it.
  core.writeBigUInt64LE(BigInt(firstSector + 1), coreImage.blockListStart);
  core.writeUInt16LE(Math.ceil(core.length / sectorBytes) - 1, coreImage.blockListLength);
  boot.writeBigUInt64LE(BigInt(firstSector), bootImage.kernelSector);
  // Two NOPs in place of the jump that takes the drive's number from the BIOS only for floppies.
  boot.writeUInt16LE(0x9090, bootImage.driveCheck);
  await disk.write(boot.subarray(0, bootImage.codeBytes), 0, bootImage.codeBytes, 0);
  await disk.write(core, 0, core.length, biosBootStartBytes);
}

/** Shim and GRUB at the place Debian's installer uses and at the fallback every firmware tries. */
export async function installUefiGrub(diskPath: string, options: BootLoaderOptions): Promise<void> {
  const { root, rootUuid, espStartBytes } = options;
  const esp = `${diskPath}@@${espStartBytes}`;
  const shim = path.join(root, 'usr/lib/shim/shimx64.efi.signed');
  const grub = path.join(root, 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed');
  await runCommand('mmd', ['-i', esp, '::/EFI', '::/EFI/BOOT', '::/EFI/debian']);
  await runCommand('mcopy', ['-i', esp, shim, '::/EFI/BOOT/BOOTX64.EFI']);
  await runCommand('mcopy', ['-i', esp, grub, '::/EFI/BOOT/grubx64.efi']);
  await runCommand('mcopy', ['-i', esp, shim, '::/EFI/debian/shimx64.efi']);
  await runCommand('mcopy', ['-i', esp, grub, '::/EFI/debian/grubx64.efi']);
  const input = `${findRoot(rootUuid)}configfile $prefix/grub.cfg\n`;
  await runCommand('mcopy', ['-i', esp, '-', '::/EFI/debian/grub.cfg'], { input });
}
