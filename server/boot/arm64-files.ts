// Machines with an arm64 processor: what they boot is a build of its own, in the folder `arm64` of the boot folder, beside that for PCs.
import { access, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { BootPaths } from '../boot-profiles/boot-of.ts';

export const arm64Folder = 'arm64';

/** At the top of the TFTP tree: shim looks for the others there, in whatever folder it was itself, unless DHCP's old field for a file name says so. */
const loaders = ['shimaa64.efi', 'grubaa64.efi', 'mmaa64.efi'];

/** Whether there is such a build. If so, it is found in the TFTP tree: by a link, and GRUB's first script where there is no build for PCs. */
export async function linkArm64Files(bootDir: string): Promise<boolean> {
  if (!(await exists(path.join(bootDir, arm64Folder, 'tftp')))) return false;
  const tftp = path.join(bootDir, 'tftp');
  await mkdir(path.join(tftp, 'grub'), { recursive: true });
  await linkUnlessThere(`../${arm64Folder}/tftp`, path.join(tftp, arm64Folder));
  for (const name of loaders) await linkUnlessThere(`${arm64Folder}/${name}`, path.join(tftp, name));
  await linkUnlessThere(`../../${arm64Folder}/tftp/grub/grub.cfg`, path.join(tftp, 'grub/grub.cfg'));
  return true;
}

/** For iPXE, which says what processor it was built for; GRUB chooses by itself (initramfs/boot/netboot.cfg). A profile's own files stay. */
export function pathsFor(buildArch: string | null, paths: BootPaths): BootPaths {
  if (buildArch !== 'arm64') return paths;
  const { kernel, initramfs } = paths;
  return {
    ...paths,
    kernel: kernel ?? `${arm64Folder}/vmlinuz`,
    initramfs: initramfs ?? `${arm64Folder}/initramfs.img`,
  };
}

/** The serial line that servers with such a processor have besides. */
export function consolesFor(buildArch: string | null): string {
  return buildArch === 'arm64' ? 'console=ttyAMA0,115200' : '';
}

async function linkUnlessThere(target: string, link: string): Promise<void> {
  await symlink(target, link).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== 'EEXIST') throw thrown;
  });
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
