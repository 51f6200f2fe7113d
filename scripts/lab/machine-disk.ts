// Makes the disk of a real managed machine: an installed Debian 12 that boots by BIOS and UEFI, with deleted data in its free space.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { installBiosGrub, installUefiGrub } from './boot-loader.ts';
import { cacheFolder, dropOthers } from './cache.ts';
import { runCommand } from './run-command.ts';

const mib = 1024 * 1024;
const diskBytes = 4096 * mib;
/** GPT partitions, in the order of their numbers; the last MiB is left to the backup table. */
const layout = {
  biosBoot: { startBytes: 1 * mib, sizeBytes: 1 * mib, type: '21686148-6449-6E6F-744E-656564454649' },
  esp: { startBytes: 2 * mib, sizeBytes: 64 * mib, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' },
  root: { startBytes: 66 * mib, sizeBytes: 3773 * mib, type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' },
  swap: { startBytes: 3839 * mib, sizeBytes: 256 * mib, type: '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F' },
} as const;
const deletedMiB = 768;
const packages = [
  'linux-image-amd64,initramfs-tools,zstd,systemd-sysv,udev,dbus,kmod,e2fsprogs,dosfstools,fdisk',
  'grub-pc-bin,grub2-common,grub-efi-amd64-signed,shim-signed',
  'ifupdown,iproute2,isc-dhcp-client,login,less,nano',
].join(',');
const hostName = 'web-01';

/**
 * A raw, sparse disk image of 4 GiB, from the cache when this recipe made one before; it must not be written to.
 * Needs root, mmdebstrap, e2fsprogs, dosfstools, fdisk and mtools; `onStep` hears what is being done.
 */
export async function makeMachineDisk(onStep: (step: string) => void = () => {}): Promise<string> {
  const recipe = await Promise.all(
    ['machine-disk.ts', 'boot-loader.ts'].map((name) => readFile(path.join(import.meta.dirname, name))),
  );
  const key = createHash('sha256').update(Buffer.concat(recipe)).digest('hex').slice(0, 16);
  const folder = cacheFolder('machine-disk');
  const finished = path.join(folder, `debian-12-${key}.raw`);
  if (existsSync(finished)) return finished;
  const work = await mkdtemp(path.join(folder, 'making-'));
  try {
    const disk = path.join(work, 'disk.raw');
    await buildDisk(disk, work, onStep);
    await rename(disk, finished);
    dropOthers(folder, 'debian-12-', path.basename(finished));
    return finished;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function buildDisk(disk: string, work: string, onStep: (step: string) => void): Promise<void> {
  const uuids = { root: randomUUID(), swap: randomUUID() };
  onStep('partitioning');
  await partitionDisk(disk);
  await makeFileSystems(disk, work, uuids);
  const root = path.join(work, 'root');
  await mkdir(root);
  const { startBytes, sizeBytes } = layout.root;
  await runCommand('mount', ['-o', `loop,offset=${startBytes},sizelimit=${sizeBytes}`, disk, root]);
  try {
    onStep('installing Debian 12');
    await installDebian(root, path.join(work, 'mmdebstrap.log'));
    onStep('making it bootable');
    await configureSystem(root, uuids);
    await installBootLoaders(disk, root, uuids.root);
  } finally {
    await runCommand('umount', [root]);
  }
}

async function partitionDisk(disk: string): Promise<void> {
  await writeFile(disk, '');
  await truncate(disk, diskBytes);
  const lines = Object.entries(layout).map(
    ([name, { startBytes, sizeBytes, type }]) =>
      `start=${startBytes / 512}, size=${sizeBytes / 512}, type=${type}, name=${name}`,
  );
  await runCommand('sfdisk', ['--quiet', disk], { input: ['label: gpt', ...lines, ''].join('\n') });
}

async function makeFileSystems(disk: string, work: string, uuids: { root: string; swap: string }): Promise<void> {
  const { esp, root, swap } = layout;
  const fat = ['-F', '32', '-s', '1', '-n', 'EFI', `--offset=${esp.startBytes / 512}`, disk, `${esp.sizeBytes / 1024}`];
  await runCommand('mkfs.vfat', fat);
  const ext = `offset=${root.startBytes},lazy_itable_init=0,lazy_journal_init=0`;
  await runCommand('mkfs.ext4', ['-q', '-F', '-U', uuids.root, '-E', ext, disk, `${root.sizeBytes / 1024}k`]);
  // mkswap knows no offset, but all it writes is one page.
  const page = path.join(work, 'swap');
  await writeFile(page, '');
  await truncate(page, swap.sizeBytes);
  await runCommand('mkswap', ['-U', uuids.swap, page]);
  const [from, to] = [await open(page, 'r'), await open(disk, 'r+')];
  const { buffer } = await from.read(Buffer.alloc(4096), 0, 4096, 0);
  await to.write(buffer, 0, 4096, swap.startBytes);
  await Promise.all([from.close(), to.close(), unlink(page)]);
}

async function installDebian(root: string, logPath: string): Promise<void> {
  const cached = cacheFolder('debian-packages');
  // The downloaded packages outlive the run: they go in before it and come out, new ones included, after it.
  const hooks = [
    '--skip=essential/unlink',
    '--setup-hook=mkdir -p "$1/var/cache/apt/archives"',
    // Incompressible files, deleted at the end: a copy of every sector would carry them, a copy of the used ones does not.
    `--setup-hook=head -c ${deletedMiB}M /dev/urandom | split -b 16M - "$1/doomed-" && sync -f "$1"`,
    '--customize-hook=rm "$1"/doomed-*',
    `--setup-hook=sync-in ${cached} /var/cache/apt/archives`,
    `--customize-hook=sync-out /var/cache/apt/archives ${cached}`,
  ];
  const options = ['--mode=root', '--variant=minbase', ...hooks, `--include=${packages}`];
  await runCommand('mmdebstrap', [...options, 'bookworm', root], { logPath });
}

async function configureSystem(root: string, uuids: { root: string; swap: string }): Promise<void> {
  const files = {
    'etc/hostname': `${hostName}\n`,
    'etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${hostName}\n`,
    'etc/fstab': `UUID=${uuids.root} / ext4 errors=remount-ro 0 1\nLABEL=EFI /boot/efi vfat umask=0077 0 1\nUUID=${uuids.swap} none swap sw 0 0\n`,
    'etc/network/interfaces': 'auto lo\niface lo inet loopback\n',
    'boot/grub/grub.cfg': [
      'set timeout=1',
      'serial --unit=0 --speed=115200',
      'terminal_output console serial',
      `menuentry 'Debian 12' {`,
      `  search --no-floppy --fs-uuid --set=root ${uuids.root}`,
      `  linux /vmlinuz root=UUID=${uuids.root} ro console=tty0 console=ttyS0,115200`,
      '  initrd /initrd.img',
      '}',
      '',
    ].join('\n'),
  };
  for (const folder of ['boot/grub', 'boot/efi']) await mkdir(path.join(root, folder), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(root, file), text);
  await runCommand('chroot', [root, 'chpasswd'], { input: 'root:lab\n' });
}

async function installBootLoaders(disk: string, root: string, rootUuid: string): Promise<void> {
  const starts = { biosBootStartBytes: layout.biosBoot.startBytes, espStartBytes: layout.esp.startBytes };
  const handle = await open(disk, 'r+');
  await installBiosGrub(handle, { root, rootUuid, ...starts }).finally(() => handle.close());
  await installUefiGrub(disk, { root, rootUuid, ...starts });
}
