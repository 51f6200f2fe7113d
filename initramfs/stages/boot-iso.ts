// Stage 8: one image that boots from CD and from USB stick, by BIOS and by UEFI with Secure Boot.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EfiFacts, factsOf } from '../architecture.ts';
import { runTool } from '../run-tool.ts';
import { writeEspImage } from './esp-image.ts';
import type { UnpackedPackage } from './fetch-packages.ts';
import { writeMediumSettings } from './medium-settings.ts';
import { writeSettingsImage } from './settings-image.ts';
import { listLibraryPaths } from './shared-libraries.ts';

const bootConfigs = join(import.meta.dirname, '../boot');
const grubModules =
  'biosdisk iso9660 part_gpt part_msdos fat linux normal configfile search search_fs_file probe serial terminal echo test ls cat reboot halt minicmd';
const espKiB = 8192;

export type IsoOptions = {
  readonly packages: ReadonlyMap<string, UnpackedPackage>;
  readonly efi: EfiFacts;
  readonly vmlinuz: string;
  readonly initramfs: string;
  /** Options for the kernel's command line that the image carries, such as `deploy.server=…`. */
  readonly kernelOptions: string;
  /** Seconds since 1970 that every date in the image is set to. */
  readonly epochSeconds: number;
  readonly signal?: AbortSignal | undefined;
};

/** Boots by BIOS too where the packages have GRUB for it. Needs xorriso and mtools on the host; GRUB's own tool comes out of the cached packages. */
export async function writeIso(options: IsoOptions, to: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'deploy-os-iso-'));
  try {
    await copyContents(options, join(dir, 'cd'));
    if (hasBios(options)) await makeBiosImage(options, dir);
    const esp = { ...options, grub: 'gcd', sizeKiB: espKiB, serialNumber: '44455059' } as const;
    await writeEspImage(esp, join(dir, 'esp.img'));
    await writeSettingsImage(join(dir, 'settings.img'), options.epochSeconds, options.signal);
    await runXorriso(options, dir, to);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function copyContents({ vmlinuz, initramfs, kernelOptions }: IsoOptions, cd: string): Promise<void> {
  for (const folder of ['boot/grub', 'deploy-os', '.disk']) await mkdir(join(cd, folder), { recursive: true });
  await copyFile(vmlinuz, join(cd, 'deploy-os/vmlinuz'));
  await copyFile(initramfs, join(cd, 'deploy-os/initramfs.img'));
  await copyFile(join(bootConfigs, 'iso.cfg'), join(cd, 'boot/grub/grub.cfg'));
  await writeFile(join(cd, 'boot/grub/deploy-os.cfg'), writeMediumSettings(kernelOptions));
  // Debian's signed GRUB looks for this file to find its medium.
  await writeFile(join(cd, '.disk/info'), 'Deploy-OS\n');
}

const hasBios = ({ packages }: IsoOptions): boolean => packages.has('grub-pc-bin');

async function makeBiosImage({ packages, signal }: IsoOptions, dir: string): Promise<void> {
  const image = ['-O', 'i386-pc-eltorito', '-p', '/boot/grub', '-o', join(dir, 'cd/boot/grub/bios.img')];
  const core = ['-c', join(bootConfigs, 'iso-core.cfg')];
  await makeGrubImage(packages, [...image, ...core, ...grubModules.split(' ')], signal);
}

/** Debian's grub-mkimage, run from where its packages are unpacked, with the modules for BIOS. */
export async function makeGrubImage(
  packages: ReadonlyMap<string, UnpackedPackage>,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const grub = join(packages.get('grub-common')?.dir ?? '', 'usr/bin/grub-mkimage');
  const modules = join(packages.get('grub-pc-bin')?.dir ?? '', 'usr/lib/grub/i386-pc');
  const loader = join(packages.get('libc6')?.dir ?? '', 'lib64/ld-linux-x86-64.so.2');
  const libraries = listLibraryPaths(
    [...packages.values()].map((unpacked) => unpacked.dir),
    factsOf.amd64.libraries,
  ).join(':');
  await runTool(loader, ['--library-path', libraries, grub, '-d', modules, ...args], { signal });
}

async function runXorriso(options: IsoOptions, dir: string, to: string): Promise<void> {
  const { packages, epochSeconds, signal } = options;
  const mbr = join(packages.get('grub-pc-bin')?.dir ?? '', 'usr/lib/grub/i386-pc/boot_hybrid.img');
  const boot = ['-b', 'boot/grub/bios.img', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'];
  const bios = hasBios(options) ? [...boot, '--grub2-boot-info', '--grub2-mbr', mbr, '-eltorito-alt-boot'] : [];
  const uefi = ['-append_partition', '2', '0xef', join(dir, 'esp.img'), '-appended_part_as_gpt'];
  // Microsoft's basic data, by which Windows gives it a letter.
  const settings = ['-append_partition', '3', 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', join(dir, 'settings.img')];
  const uefiBoot = ['-e', '--interval:appended_partition_2:all::', '-no-emul-boot', '-partition_offset', '16'];
  const names = ['-V', 'DEPLOY_OS', '-r', '-J', '-joliet-long', '--set_all_file_dates', `=${epochSeconds}`];
  const parts = [...names, ...bios, ...uefiBoot, ...uefi, ...settings];
  await runTool('xorriso', ['-as', 'mkisofs', '-quiet', '-o', to, ...parts, join(dir, 'cd')], {
    env: { SOURCE_DATE_EPOCH: String(epochSeconds) },
    signal,
    hint: 'install xorriso',
  });
}
