// A disk with a Linux that says that it was started and powers the machine off: a kernel, busybox, GRUB's configuration, and no boot loader.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeCpio } from '../../initramfs/cpio.ts';
import { FileTree } from '../../initramfs/file-tree.ts';
import { makeRawDisk } from '../fixtures/disks.ts';

const mib = 2 ** 20;
export const tinyLinuxMib = 32;
const uuid = '0b6a1b0e-5a0f-4c0e-9d8b-7c4f6f7a9e35';
const words = `root=UUID=${uuid} ro quiet console=ttyS0`;
/** What stands on the serial line once it has been started as its configuration says. */
export const tinyLinuxSays = `tiny linux: ${words}`;

const config = `set default="0"
menuentry 'Tiny Linux' --class os $menuentry_id_option 'tiny' {
	insmod ext2
	search --no-floppy --fs-uuid --set=root ${uuid}
	linux	/vmlinuz ${words}
	initrd	/initrd.img
}
`;

const init = `#!/usr/bin/busybox sh
/usr/bin/busybox mount -t proc proc /proc
/usr/bin/busybox mount -t devtmpfs devtmpfs /dev
echo "tiny linux: $(/usr/bin/busybox cat /proc/cmdline)" >/dev/ttyS0
/usr/bin/busybox poweroff -f
`;

/** What stands in its `/etc/hostname`. */
export function readHostName(disk: string): string {
  const place = `${disk}?offset=${mib}`;
  return execFileSync('debugfs', ['-R', 'cat /etc/hostname', place], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** `vmlinuz`: the kernel to put on it. */
export async function makeTinyLinux(file: string, vmlinuz: string): Promise<string> {
  const [root, part] = [`${file}.root`, `${file}.part`];
  await mkdir(path.join(root, 'boot/grub'), { recursive: true });
  await cp(vmlinuz, path.join(root, 'boot/vmlinuz-6'));
  const tree = new FileTree();
  await mkdir(path.join(root, 'etc'));
  await writeFile(path.join(root, 'etc/os-release'), 'NAME="Tiny Linux"\n');
  await writeFile(path.join(root, 'etc/hostname'), 'tiny\n');
  tree.addFile('bin/busybox', '/bin/busybox', 0o755);
  tree.addText('init', init, 0o755);
  for (const folder of ['proc', 'dev']) tree.add({ kind: 'directory', path: folder, mode: 0o755 });
  await writeFile(path.join(root, 'boot/initrd.img-6'), await writeCpio(tree.entries(), 0));
  await writeFile(path.join(root, 'boot/grub/grub.cfg'), config);
  for (const name of ['vmlinuz', 'initrd.img']) await symlink(`boot/${name}-6`, path.join(root, name));
  await makeRawDisk(part, (tinyLinuxMib - 2) * mib);
  execFileSync('mkfs.ext4', ['-q', '-F', '-U', uuid, '-d', root, part]);
  await makeRawDisk(file, tinyLinuxMib * mib);
  execFileSync('sgdisk', ['-n', `1:2048:${(tinyLinuxMib - 1) * 2048 - 1}`, file], { stdio: 'ignore' });
  execFileSync('dd', [`if=${part}`, `of=${file}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse'], { stdio: 'ignore' });
  for (const left of [root, part]) await rm(left, { recursive: true });
  return file;
}
